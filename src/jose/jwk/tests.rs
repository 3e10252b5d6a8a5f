mod keys;
mod sets;
mod signatures;
mod thumbprints;

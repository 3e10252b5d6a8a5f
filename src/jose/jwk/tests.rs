mod certificates;
mod keys;
mod public_keys;
mod sets;
mod signatures;
mod thumbprints;

mod keys;
mod published;
mod shapes;

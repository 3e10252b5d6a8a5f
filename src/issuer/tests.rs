//! The room as a whole, against key servers on this machine.

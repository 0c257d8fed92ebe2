"""Where the state is read and written: queries say what, managers when."""

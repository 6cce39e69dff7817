"""`perijove doctor`: look for what keeps people from working, and say what to do about it."""

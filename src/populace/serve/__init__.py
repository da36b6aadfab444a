"""What people open in a browser. Needs the extra `serve`; nothing here is imported before it is used."""

"""MultiViewer as a source: the corners of circuits, https://api.multiviewer.app. What it serves is in endpoints.py."""

"""What routes and pages share: reading a request, who sent it, and answering it."""

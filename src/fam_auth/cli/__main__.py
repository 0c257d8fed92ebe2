"""`python -m fam_auth.cli` is `fam-auth`."""

from fam_auth.cli import main

main()

"""`python -m spiffcli` is `runner`."""

from __future__ import annotations

from spiffcli.cli.main import main

if __name__ == "__main__":
    main()

"""`python -m curation` is the command `curation`."""

import sys

from curation.cli.main import main

sys.exit(main())

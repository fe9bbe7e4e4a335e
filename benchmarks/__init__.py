"""The wall measured beside a tutorial's wall, an empty view and a bare function."""

import os
import secrets

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# One for all servers of a run, and for the client, which signs the forms it posts.
os.environ.setdefault("SECRET_KEY", secrets.token_hex())

"""The moderators' desk as a whole: its name, and who is let in.

Not in messages_app/admin/, which registers with it: importing this would import that first.
"""

from django.conf import settings
from django.contrib import admin


class Desk(admin.AdminSite):
    site_header = site_title = settings.WALL_TITLE

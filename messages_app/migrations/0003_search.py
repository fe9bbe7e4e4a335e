from django.contrib.postgres.operations import TrigramExtension
from django.db import migrations

# What `icontains` asks of messages_app.models.Said. It stands here and not in the model:
# SQLite has no such index. A post waits while the list of what is new is sorted in, so
# that list is short.
CREATE = """
CREATE INDEX CONCURRENTLY message_words ON messages_app_message
USING gin (upper((content || ' ' || author_name)::text) gin_trgm_ops)
WITH (gin_pending_list_limit = 256)
WHERE status = 'published'
"""
DROP = "DROP INDEX CONCURRENTLY IF EXISTS message_words"


def create(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        with schema_editor.connection.cursor() as cursor:
            # It waits for transactions, but nobody waits for it.
            cursor.execute("SET lock_timeout = 0")
            cursor.execute(DROP)  # half of one, left by a start that was ended
            cursor.execute(CREATE)
            cursor.execute("RESET lock_timeout")


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(DROP)


class Migration(migrations.Migration):
    atomic = False  # an index that is built beside readers and writers cannot be

    dependencies = [("messages_app", "0002_visitors")]

    operations = [TrigramExtension(), migrations.RunPython(create, drop)]

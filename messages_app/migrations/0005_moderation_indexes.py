from django.contrib.postgres.operations import (
    AddConstraintNotValid,
    ValidateConstraint,
)
from django.db import migrations, models

# As in 0003, but of every message: moderators search them all.
WORDS = """
CREATE INDEX CONCURRENTLY message_all_words ON messages_app_message
USING gin (upper((content || ' ' || author_name)::text) gin_trgm_ops)
WITH (gin_pending_list_limit = 256)
"""
WORDS_ON_THE_WALL = """
CREATE INDEX CONCURRENTLY message_words ON messages_app_message
USING gin (upper((content || ' ' || author_name)::text) gin_trgm_ops)
WITH (gin_pending_list_limit = 256)
WHERE status = 'published'
"""


def replace_words(create, *, old, new, seconds="2s"):
    def operation(apps, schema_editor):
        if schema_editor.connection.vendor == "postgresql":
            with schema_editor.connection.cursor() as cursor:
                cursor.execute(f"SET lock_timeout = '{seconds}'")
                cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {new}")
                cursor.execute(create)
                cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {old}")
                cursor.execute("RESET lock_timeout")

    return operation


def fill(apps, schema_editor):
    """What waits already stands in the queue since it was posted."""
    message = apps.get_model("messages_app", "Message")
    report = apps.get_model("messages_app", "Report")
    held = models.Q(status="held") | models.Q(status_before="held")
    message.objects.filter(held, waits_since=None).update(
        waits_since=models.F("created_at")
    )
    counts = report.objects.filter(message=models.OuterRef("pk")).order_by()
    counts = counts.values("message").annotate(count=models.Count("pk")).values("count")
    message.objects.filter(
        models.Exists(report.objects.filter(message=models.OuterRef("pk")))
    ).update(report_count=models.Subquery(counts))


class AddConstraint(AddConstraintNotValid):
    """Adds a check that holds for new rows at once, and is not asked of the others yet."""

    def database_forwards(self, app_label, editor, before, after):
        if editor.connection.vendor == "postgresql":
            table = after.apps.get_model(app_label, self.model_name)._meta.db_table
            # Of a start that was ended.
            editor.execute(
                f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {self.constraint.name}"
            )
            super().database_forwards(app_label, editor, before, after)
        else:
            migrations.AddConstraint.database_forwards(
                self, app_label, editor, before, after
            )


class Validate(ValidateConstraint):
    """Looks at the rows that were there, beside readers and writers."""

    def database_forwards(self, app_label, editor, before, after):
        if editor.connection.vendor == "postgresql":
            super().database_forwards(app_label, editor, before, after)


class Concurrently:
    """Builds or drops an index beside readers and writers, where it can be done."""

    def change(self, editor, state, app_label, *, add):
        model = state.apps.get_model(app_label, self.model_name)
        if editor.connection.vendor != "postgresql":
            # There may be one, of a start that was ended.
            editor.execute(f"DROP INDEX IF EXISTS {self.index_name}")
            if add:
                editor.add_index(model, self.found(state, app_label))
            return
        editor.execute("SET lock_timeout = 0")  # nobody waits behind this
        if not (add and self.is_there(editor)):
            # Half of one, likewise.
            editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {self.index_name}")
            if add:
                found = self.found(state, app_label)
                editor.add_index(model, found, concurrently=True)
        editor.execute("RESET lock_timeout")

    def is_there(self, editor):
        whole = "SELECT FROM pg_index WHERE indisvalid AND indexrelid = to_regclass(%s)"
        with editor.connection.cursor() as cursor:
            cursor.execute(f"SELECT EXISTS ({whole})", [self.index_name])
            return cursor.fetchone()[0]

    def found(self, state, app_label):
        return state.models[app_label, self.model_name_lower].get_index_by_name(
            self.index_name
        )


class AddIndex(Concurrently, migrations.AddIndex):
    @property
    def index_name(self):
        return self.index.name

    def database_forwards(self, app_label, editor, before, after):
        self.change(editor, after, app_label, add=True)

    def database_backwards(self, app_label, editor, before, after):
        self.change(editor, before, app_label, add=False)


class RemoveIndex(Concurrently, migrations.RemoveIndex):
    @property
    def index_name(self):
        return self.name

    def database_forwards(self, app_label, editor, before, after):
        self.change(editor, before, app_label, add=False)

    def database_backwards(self, app_label, editor, before, after):
        self.change(editor, after, app_label, add=True)


class Migration(migrations.Migration):
    atomic = False  # an index that is built beside readers and writers cannot be

    dependencies = [("messages_app", "0004_moderation")]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
        AddConstraint(
            model_name="message",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "held"), _negated=True),
                    ("waits_since__isnull", False),
                    _connector="OR",
                ),
                name="message_held_waits",
            ),
        ),
        # Once more, for what an older process held meanwhile.
        migrations.RunPython(fill, migrations.RunPython.noop),
        Validate("message", "message_held_waits"),
        AddIndex(
            model_name="message",
            index=models.Index(fields=["-created_at", "-id"], name="message_newest"),
        ),
        AddIndex(
            model_name="message",
            index=models.Index(
                fields=["status", "-created_at", "-id"], name="message_newest_of_status"
            ),
        ),
        AddIndex(
            model_name="message",
            index=models.Index(
                condition=models.Q(("sender__isnull", False)),
                fields=["sender", "-created_at", "-id"],
                name="message_newest_of_sender",
            ),
        ),
        AddIndex(
            model_name="message",
            index=models.Index(
                condition=models.Q(("reason", ""), _negated=True),
                fields=["reason", "-created_at", "-id"],
                name="message_newest_of_reason",
            ),
        ),
        AddIndex(
            model_name="message",
            index=models.Index(
                condition=models.Q(("report_count__gt", 0)),
                fields=["-created_at", "-id"],
                name="message_newest_reported",
            ),
        ),
        AddIndex(
            model_name="message",
            index=models.Index(
                condition=models.Q(
                    ("status__in", ["published", "held"]),
                    ("waits_since__isnull", False),
                ),
                fields=["waits_since", "id"],
                name="message_waiting",
            ),
        ),
        RemoveIndex(
            model_name="message",
            name="message_by_status",
        ),
        # The one of each status serves the wall too.
        RemoveIndex(
            model_name="message",
            name="message_newest_published",
        ),
        migrations.RunPython(
            # Nobody waits behind this, however long it waits itself.
            replace_words(
                WORDS, old="message_words", new="message_all_words", seconds=0
            ),
            replace_words(
                WORDS_ON_THE_WALL, old="message_all_words", new="message_words"
            ),
        ),
    ]

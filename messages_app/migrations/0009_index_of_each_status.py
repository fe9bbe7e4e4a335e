from importlib import import_module

from django.db import migrations, models

# Beside readers and writers.
made = import_module("messages_app.migrations.0005_moderation_indexes")


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("messages_app", "0008_act_unfinished")]

    operations = [
        *(
            made.AddIndex(
                model_name="message",
                index=models.Index(
                    condition=models.Q(("status", status)),
                    fields=["-created_at", "-id"],
                    name=f"message_newest_{status}",
                ),
            )
            for status in ("published", "held", "hidden", "withdrawn")
        ),
        made.RemoveIndex(model_name="message", name="message_newest_of_status"),
    ]

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("messages_app", "0006_wall_state_bounds"),
    ]

    operations = [
        migrations.AddField(
            model_name="message",
            name="gist",
            field=models.BinaryField(max_length=16, null=True),
        ),
    ]

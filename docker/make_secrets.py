"""Makes the wall's secrets on the first start, and lays a copy for each who reads it.

Each reader has a volume of its own, mounted here below /secrets, and can read its files
and no others. What the operator gives, as a variable or as a file that `<name>_FILE`
names, takes the place of what was made. A password or key is kept like it; a URL counts
as long as it is given.
"""

import fcntl
import os
import secrets
from pathlib import Path
from urllib.parse import quote

FOLDER = Path("/secrets")
# The accounts that the services run as in compose.yml.
POSTGRES = REDIS = 999
WALL = 10001

CHANGED = {
    "POSTGRES_PASSWORD": "The database still has the old one. Set it there too: docker "
    "compose exec db psql -U postgres -c '\\password wall'",
    "SECRET_KEY": "What was signed with the old one is void: forms, receipts, sessions. "
    "To accept it for a while, put it into SECRET_KEY_FALLBACKS.",
    "REDIS_PASSWORD": "Redis takes the new one at its next start.",
}


def main() -> None:
    """Make what is missing, and lay everything anew."""
    lock = os.open(FOLDER, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)  # one at a time; free when this ends
    password = secret("POSTGRES_PASSWORD", "db/password", "backup/password")
    superuser = kept("db/superuser_password") or new()
    redis_password = secret("REDIS_PASSWORD", "redis/password")
    key = secret("SECRET_KEY", "web/secret_key", "backup/secret_key")
    database_url = f"postgres://wall:{quote(password, safe='')}@db:5432/wall"
    redis_url = f"redis://:{quote(redis_password, safe='')}@redis:6379/0"
    quoted = '"' + escape(redis_password, '"') + '"'
    lay("db/password", password, POSTGRES)
    lay("db/superuser_password", superuser, POSTGRES)
    lay("redis/password", redis_password, REDIS)
    lay("redis/redis.conf", f"requirepass {quoted}", REDIS)
    lay("web/secret_key", key, WALL)
    lay("web/database_url", given("DATABASE_URL") or database_url, WALL)
    lay("web/redis_url", given("REDIS_URL") or redis_url, WALL)
    lay("web/email_url", given("EMAIL_URL") or "off", WALL)
    lay("backup/secret_key", key, POSTGRES)
    lay("backup/password", password, POSTGRES)
    lay("backup/pgpass", f"*:*:*:*:{escape(password, ':')}", POSTGRES, mode=0o400)
    print("The secrets are laid. They stay in their volumes until those are removed.")


def secret(name: str, *places: str) -> str:
    """Return what the operator gives, else what any place kept, else a new one."""
    before = kept(*places)
    value = given(name) or before or new()
    if before and value != before:
        print(f"{name} is another than before. {CHANGED[name]}", flush=True)
    return value


def kept(*places: str) -> str:
    """Return what stands in the first of these places that is there."""
    paths = [FOLDER / place for place in places]
    return next((path.read_text().strip() for path in paths if path.exists()), "")


def new() -> str:
    """Return a text that nobody can guess: 48 random bytes."""
    return secrets.token_urlsafe(48)


def given(name: str) -> str:
    """Return the operator's variable, or the content of the file it names."""
    if path := os.environ.get(f"{name}_FILE"):
        return Path(path).read_text().strip()
    return os.environ.get(name, "").strip()


def escape(text: str, special: str) -> str:
    """Return the text with a backslash before each backslash and special character."""
    return text.replace("\\", "\\\\").replace(special, f"\\{special}")


def lay(place: str, text: str, reader: int, mode: int = 0o440) -> None:
    """Put the text where its reader finds it, whole or not at all.

    It belongs to the reader and to the group of root, who reads it at the next start
    and may do nothing here but give files away.
    """
    path = FOLDER / place
    fresh = path.with_name(f".{path.name}")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    fresh.write_text(text + "\n")
    fresh.chmod(mode)
    os.chown(fresh, reader, 0)
    fresh.replace(path)


if __name__ == "__main__":
    main()

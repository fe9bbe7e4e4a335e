"""The only settings: bare defaults run the embedded wall, variables the full one."""

import secrets
from contextlib import suppress
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from config.cores import usable_cores
from config.env import Environment

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = BASE_DIR / "data"  # everything this wall writes when it runs embedded

env = Environment()


def make_data_folder() -> None:
    """Make `data/`, which holds password hashes and sessions: for this account only."""
    DATA_DIR.mkdir(mode=0o700, exist_ok=True)


def secret_key_of_this_copy() -> str:
    """Return the key made on the first start and kept in `data/`, readable by us only."""
    path = DATA_DIR / "secret_key"
    try:
        make_data_folder()
        # A complete file or none: two first starts at once end with the same key.
        fresh = DATA_DIR / f"secret_key.{secrets.token_hex(4)}"
        if not path.exists():
            fresh.touch(mode=0o600)
            fresh.write_text(secrets.token_urlsafe(50))
            try:
                path.hardlink_to(fresh)
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        return path.read_text()
    except OSError as error:
        raise ImproperlyConfigured(
            f"SECRET_KEY is not set and none can be kept: {error}. Set SECRET_KEY."
        ) from error


# Security

DEBUG = env.flag("DEBUG", default=False)
SECRET_KEY_IS_GIVEN = bool(SECRET_KEY := env.secret("SECRET_KEY"))
SECRET_KEY_FALLBACKS = env.words("SECRET_KEY_FALLBACKS")
# The wall's name on the internet, when a proxy gives it https: all else follows from it.
SITE_ADDRESS = env.hosts("SITE_ADDRESS", [])
if any(host.startswith((".", "*")) for host in SITE_ADDRESS):
    env.problem("SITE_ADDRESS", "should be whole names, without . or * before them")
ALLOWED_HOSTS = env.hosts(
    "ALLOWED_HOSTS", SITE_ADDRESS or ["localhost", "127.0.0.1", "[::1]"]
)
if "localhost" not in ALLOWED_HOSTS:
    ALLOWED_HOSTS.append("localhost")  # by which a container asks itself how it is
CSRF_TRUSTED_ORIGINS = env.origins(
    "CSRF_TRUSTED_ORIGINS", [f"https://{host}" for host in SITE_ADDRESS]
)
# How many proxies stand before us; with one or more, theirs is the word on the scheme.
TRUSTED_PROXIES = env.number("TRUSTED_PROXIES", 0, at_least=0, at_most=10)
HTTPS = env.flag(
    "HTTPS",
    default=bool(CSRF_TRUSTED_ORIGINS)
    and all(origin.startswith("https://") for origin in CSRF_TRUSTED_ORIGINS),
)
if HTTPS and not TRUSTED_PROXIES:
    # gunicorn speaks plain HTTP: without a believed proxy each page would redirect to
    # itself for ever.
    env.problem("TRUSTED_PROXIES", "should be 1 or more when the wall is behind https")
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$"]  # asked from inside, without TLS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
# Subdomains and the browsers' preload list concern more than this wall: the owner of
# the domain decides on them, so we neither set them nor nag.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
# Not "no-referrer": that turns Origin into "null", and every post would be refused.
SECURE_REFERRER_POLICY = "same-origin"
CSRF_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "base-uri": ["'none'"],
        "connect-src": ["'self'"],
        "font-src": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "img-src": ["'self'"],
        "manifest-src": ["'self'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
    }
}

# Application

INSTALLED_APPS = [
    "messages_app",
    "config.apps.DeskConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "csp",
    "django_otp",
    "config.apps.CodesConfig",
    "config.apps.RecoveryCodesConfig",
]

MIDDLEWARE = [
    # Around all others, so that their errors come in the visitor's language too.
    "messages_app.languages.VisitorsLanguage",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "messages_app.middleware.ConstantPolicy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "messages_app.middleware.DatabaseAway",
]

ROOT_URLCONF = "config.urls"
# With what the public addresses begin; compared with them by a test.
PUBLIC_PATHS = ["feed", "livez", "log", "manifest.webmanifest", "messages", "queue"]
PUBLIC_PATHS += [
    "readyz",
    "receipts",
    "reports",
    "robots.txt",
    "static",
    "status",
    "updates",
]
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# Database

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# What config/gunicorn.py serves with; read here so that all nonsense is told at once.
SERVER_BIND = env.address("BIND", "127.0.0.1")
SERVER_PORT = env.number("PORT", 8000, at_most=65_535)
SERVER_THREADS = env.number("THREADS", 8, at_most=64)  # of one process

POSTGRESQL = {
    "ENGINE": "messages_app.postgresql",  # Django's, with a breaker
    "OPTIONS": {
        "connect_timeout": 2,  # seconds
        # Of a query, which `migrate` lifts, and of its wait for a lock.
        "options": "-c statement_timeout=5s -c lock_timeout=2s",
        # A server that vanished from the network is noticed after some 15 seconds.
        "keepalives_idle": 5,  # seconds
        "keepalives_interval": 5,
        "keepalives_count": 2,
        "tcp_user_timeout": 15_000,  # milliseconds
        "pool": {
            "min_size": 1,
            # Fewer than threads: some are left to show the cached page, whatever the
            # database does.
            "max_size": max(1, SERVER_THREADS * 3 // 4),
            "timeout": 1,  # seconds to wait for one
            # Its own tries grow apart to minutes; the breaker's come every second.
            "reconnect_timeout": 0.1,
        },
    },
}
SQLITE = {
    "ENGINE": "django.db.backends.sqlite3",
    "CONN_MAX_AGE": None,  # each thread keeps its connection
    "OPTIONS": {
        # Take the write lock at BEGIN: a deferred transaction that finds the database
        # changed when it first writes fails at once, however long the time-out.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,  # seconds
        # Readers and the writer do not wait for each other; a commit is on the disk.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL",
    },
}

database = env.database("DATABASE_URL") or {"NAME": DATA_DIR / "wall.sqlite3"}
defaults = POSTGRESQL if "postgresql" in database.pop("ENGINE", "") else SQLITE
if database["NAME"] == DATA_DIR / "wall.sqlite3":
    with suppress(OSError):  # told by the database when it cannot open its file
        make_data_folder()
options = {**defaults["OPTIONS"], **database.get("OPTIONS", {})}  # type: ignore[dict-item]
DATABASES = {"default": {**defaults, **database, "OPTIONS": options}}

# Cache

REDIS_URL = env.cache_url("REDIS_URL")
REDIS_SECONDS = 0.25  # it may take to connect, and to answer
# Each process runs Python on one core. A cache in memory is one process's own.
SERVER_PROCESSES = env.number(
    "WEB_CONCURRENCY", min(max(usable_cores(), 2), 8) if REDIS_URL else 1, at_most=64
)
if SERVER_PROCESSES > 1 and not REDIS_URL:
    env.problem("WEB_CONCURRENCY", "should be 1 unless REDIS_URL is set")
CACHES = {
    "default": {
        "BACKEND": "messages_app.cache_backends.WallRedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {
            "SERIALIZER": "messages_app.cache_backends.BytesOrJSON",
            # With its breaker: see there.
            "CONNECTION_POOL_CLASS": "messages_app.cache_backends.WatchedPool",
            "PARSER_CLASS": "messages_app.cache_backends.Parser",
            "SOCKET_CONNECT_TIMEOUT": REDIS_SECONDS,
            "SOCKET_TIMEOUT": REDIS_SECONDS,
            # Without Redis the wall is slower, not gone.
            "IGNORE_EXCEPTIONS": True,
        },
    }
    if REDIS_URL
    else {
        "BACKEND": "messages_app.cache_backends.WallLocMemCache",
    }
}

# Posts

FILE_UPLOAD_HANDLERS = ["messages_app.uploads.NoUploads"]

# E-mail, which tells moderators that something waits; without a server none is sent

mail = env.mail_server("EMAIL_URL")
EMAIL_HOST = mail.get("EMAIL_HOST", "")
EMAIL_PORT = mail.get("EMAIL_PORT", 25)
EMAIL_HOST_USER = mail.get("EMAIL_HOST_USER") or ""
EMAIL_HOST_PASSWORD = mail.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS = mail.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = mail.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10  # seconds; the other jobs wait meanwhile
DEFAULT_FROM_EMAIL = env.mail_address(
    "EMAIL_FROM", f"wall@{next(iter(SITE_ADDRESS), 'localhost')}"
)

# Users: moderators only, visitors have no account

# Where their desk is. Public pages never link to it.
ADMIN_PATH = env.path("ADMIN_PATH", "admin/", taken=PUBLIC_PATHS)
LOGIN_URL, LOGIN_REDIRECT_URL = "admin:login", "admin:index"
# Who has a device is asked for its code in any case; here, whether all must have one.
ADMIN_TWO_FACTOR = env.flag("ADMIN_TWO_FACTOR", default=False)
# A working day after signing in they are asked again, and when they close the browser,
# which may be a borrowed one. (Some browsers bring their cookies back: hence both.)
SESSION_COOKIE_AGE = env.number(
    "WALL_SESSION_SECONDS", 43_200, at_least=300, at_most=1_209_600
)
SESSION_EXPIRE_AT_BROWSER_CLOSE = True

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in [
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    ]
]

# Language and time

LANGUAGE_CODE = "en"
# Each by its own name, as the menu shows it; see docs/languages.md.
LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("ar", "العربية"), ("ja", "日本語")]
# Named here too, for makemessages: templates/ lies outside the app.
LOCALE_PATHS = [BASE_DIR / "messages_app" / "locale"]
FORMAT_MODULE_PATH = "messages_app.formats"  # where Django's own do not suit a reader
TIME_ZONE = "UTC"
USE_TZ = True

# Static files

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# Logging: to the terminal; no visitor's address and no query string, at any level

LOG_LEVEL = env.choice(
    "LOG_LEVEL", "INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}
    },
    "filters": {"without_visitors": {"()": "config.logs.WithoutVisitors"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["without_visitors"],
        }
    },
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        # It warns at each try, several times a second; what failed is told by us.
        "psycopg.pool": {"level": "ERROR"},
        "messages_app": {"level": LOG_LEVEL},
        # Django at DEBUG would log each SQL query with a visitor's words in it.
        "django": {
            "level": "INFO" if LOG_LEVEL == "DEBUG" else LOG_LEVEL,
            "handlers": [],
        },
        "django.server": {"handlers": []},
    },
}

# Message wall

# Whether what must happen without a request is done by the server, or by
# `manage.py maintain --loop` beside it.
WALL_JOBS = env.flag("WALL_JOBS", default=not REDIS_URL and defaults is SQLITE)
WALL_LOG = env.flag("WALL_LOG", default=True)  # the public log of moderation
WALL_TITLE = env.text("WALL_TITLE", "Message Wall")
OTP_TOTP_ISSUER = WALL_TITLE  # by which an app names a moderator's account
WALL_PAGE_SIZE = env.number("WALL_PAGE_SIZE", 50, at_most=500)  # messages
WALL_MESSAGE_MAX_LENGTH = env.number(  # characters (code points)
    "WALL_MESSAGE_MAX_LENGTH", 1_000, at_most=10_000
)
WALL_NAME_MAX_LENGTH = env.number("WALL_NAME_MAX_LENGTH", 80, at_most=200)  # characters
# At least 5: a builder holds its claim for 2.
WALL_CACHE_SECONDS = env.number("WALL_CACHE_SECONDS", 60, at_least=5, at_most=3_600)
WALL_STATUS_SECONDS = env.number("WALL_STATUS_SECONDS", 10, at_most=3_600)
# At least 3: the same, and the mark of a page that was compared ends a second earlier.
WALL_FOLD_SECONDS = env.number("WALL_FOLD_SECONDS", 10, at_least=3, at_most=3_600)
WALL_FORM_SECONDS = env.number(
    "WALL_FORM_SECONDS", 86_400, at_least=60, at_most=604_800
)
# So long after posting its author may edit or withdraw a message.
WALL_EDIT_SECONDS = env.number("WALL_EDIT_SECONDS", 900, at_most=86_400)
# So many days after posting a message is erased for good, and a hidden one; 0: never.
WALL_RETENTION_DAYS = env.number("WALL_RETENTION_DAYS", 0, at_least=0, at_most=36_500)
WALL_HIDDEN_RETENTION_DAYS = env.number(
    "WALL_HIDDEN_RETENTION_DAYS", 0, at_least=0, at_most=36_500
)
# So many visitors' reports take a message off the wall until a moderator looks.
WALL_REPORTS_TO_HOLD = env.number("WALL_REPORTS_TO_HOLD", 3, at_most=1_000)
# Of one address (IPv4, or the IPv6 /64 of a household), and of all together.
RATES = {
    "post": env.rates("WALL_POST_RATE", "10/minute, 100/hour, all 300/minute"),
    # Of all that is sent, also what is refused. None for all together: who floods the
    # wall from many addresses would keep the others from withdrawing their messages.
    "attempt": env.rates("WALL_ATTEMPT_RATE", "60/minute"),
    "report": env.rates("WALL_REPORT_RATE", "10/minute, 50/hour, all 300/minute"),
    "search": env.rates("WALL_SEARCH_RATE", "30/minute, all 600/minute"),
    "receipt": env.rates("WALL_RECEIPT_RATE", "60/minute, all 6000/minute"),
    # Of those that fail. For all, since each costs a third of a second of a core.
    "sign-in": env.rates("WALL_LOGIN_RATE", "10/minute, 50/hour, all 120/minute"),
}
# No stranger's attempts keep those out who were in before.
RATES["sign-in from a known browser"] = RATES["sign-in"]._replace(all=[])

env.refuse_nonsense(prefix="WALL_")
SECRET_KEY = SECRET_KEY or secret_key_of_this_copy()

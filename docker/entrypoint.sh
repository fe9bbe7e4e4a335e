#!/bin/sh
# What this container is: web, jobs, migrate, or a command of manage.py.
set -eu

case "${1:-web}" in
  web)
    python manage.py wait_for_services --migrated
    exec gunicorn --config config/gunicorn.py
    ;;
  jobs)
    python manage.py wait_for_services --migrated
    exec python manage.py maintain --loop
    ;;
  migrate)
    python manage.py wait_for_services
    exec python manage.py "$@"
    ;;
  python | python3 | sh | bash)
    exec "$@"
    ;;
  *)
    exec python manage.py "$@"
    ;;
esac

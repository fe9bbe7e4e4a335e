#!/bin/bash
# Backs the wall's database up to /backups, and puts a backup back.
#
#   now            one backup, checked, and the oldest ones deleted
#   schedule       one every BACKUP_HOURS, for ever
#   list           what there is
#   cat NAME       a backup on standard output, to take it elsewhere
#   restore NAME   make the database what it was then; "-" reads standard input
#   secret-key     the key that belongs to the backups
set -euo pipefail
umask 077

: "${BACKUP_HOURS:=24}" "${BACKUP_KEEP:=14}"

check() { pg_restore --file=/dev/null "$1"; }

now() {
  local name
  name=wall-$(date -u +%Y-%m-%dT%H-%M-%SZ).dump
  rm -f .new-*
  # Under another name until it is whole: half a backup is never taken for one.
  pg_dump --format=custom --file=".new-$name"
  check ".new-$name"
  sync ".new-$name"
  mv ".new-$name" "$name"
  # Without it the receipts and sessions of a restored wall are void.
  cp --force /run/wall/secret_key secret_key
  find . -name 'wall-*.dump' | sort -r | tail -n "+$((BACKUP_KEEP + 1))" | xargs -r rm --
  echo "Backed up: $name, $(stat --format=%s "$name") bytes. With it goes secret_key, the" \
    "wall's SECRET_KEY. Take both to another machine: see Backups in the README."
}

schedule() {
  trap 'exit 0' TERM INT
  while true; do
    # One that fails is told and tried again sooner; the next may work.
    if now; then pause=$((BACKUP_HOURS * 3600)); else echo "FAILED; again in 5 minutes." >&2; pause=300; fi
    sleep "$pause" &
    wait $!
  done
}

restore() {
  local file=${1:?"Which one? See: list"}
  if [ "$file" = - ]; then
    file=.new-restore
    cat >"$file"
  fi
  check "$file"
  # One transaction: all of it or nothing, and COMMIT is sent only when all was read.
  {
    echo 'BEGIN; SET LOCAL lock_timeout = 0; DROP SCHEMA public CASCADE; CREATE SCHEMA public;'
    pg_restore --no-owner --no-privileges --file=- "$file" && echo 'COMMIT;'
  } | psql --quiet --no-psqlrc --set=ON_ERROR_STOP=1 --output=/dev/null
  rm -f .new-restore
  echo "Restored. The wall shows it within ten seconds. Now bring an older backup up to" \
    "today's tables: docker compose run --rm migrate"
}

case "${1:-now}" in
  now) now ;;
  schedule) schedule ;;
  list) ls -l --time-style=long-iso /backups ;;
  cat) cat "${2:?"Which one? See: list"}" ;;
  restore) restore "${2-}" ;;
  secret-key) cat secret_key ;;
  *) sed -n '/^#   /s/^#   //p' "$0" >&2; exit 2 ;;
esac

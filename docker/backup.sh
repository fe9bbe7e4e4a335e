#!/bin/bash
# Backs the wall's database up to /backups, and puts a backup back.
#
#   now            one backup, checked; the oldest beyond BACKUP_KEEP are deleted
#   schedule       one every BACKUP_HOURS, for ever
#   list           what there is
#   cat NAME       a file on standard output, to take it elsewhere
#   restore NAME   make the database what it was then; "-" reads standard input
#
# Beside each NAME.dump lies NAME.key, the wall's SECRET_KEY of that time.
set -euo pipefail
umask 077

: "${BACKUP_HOURS:=24}" "${BACKUP_KEEP:=14}"

# Half of a backup, on a full disk or cut off, does not pass.
check() { pg_restore --file=/dev/null "$1"; }

# One at a time: of two, the later would take the earlier one's unfinished file away.
alone() {
  exec 9>.lock
  flock 9
  rm -f .new-*
}

now() {
  alone
  local name
  name=wall-$(date -u +%Y-%m-%dT%H-%M-%SZ)
  # Under another name until it is whole and on the disk.
  # Without what tells which address a sender was, and who is signed in.
  pg_dump --format=custom --file=".new-$name.dump" \
    --exclude-table-data=messages_app_sendersalt --exclude-table-data=django_session
  check ".new-$name.dump"
  cp /run/wall/secret_key ".new-$name.key"
  sync ".new-$name.dump" ".new-$name.key"
  mv ".new-$name.key" "$name.key"
  mv ".new-$name.dump" "$name.dump"
  find . -name 'wall-*.dump' | sort -r | tail -n "+$((BACKUP_KEEP + 1))" |
    while read -r old; do rm -f "$old" "${old%.dump}.key"; done
  echo "Backed up: $name.dump, $(stat --format=%s "$name.dump") bytes. What the wall has" \
    "signed is void without its SECRET_KEY: keep $name.key too. Both are on this disk only:" \
    "see Backups in the README."
}

schedule() {
  trap 'exit 0' TERM INT
  while true; do
    # In a process of its own: in a condition, bash would go on after an error in it.
    if "$0" now; then
      pause=$((BACKUP_HOURS * 3600))
    else
      echo "The backup FAILED. The next try is in five minutes." >&2
      pause=300
    fi
    sleep "$pause" &
    wait $!
  done
}

restore() {
  local file=${1:?"Which one? See: list"}
  alone
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
  list) ls -l --time-style=long-iso ;;
  cat) cat "${2:?"Which one? See: list"}" ;;
  restore) restore "${2-}" ;;
  *) sed -n '/^#   /s/^#   //p' "$0" >&2; exit 2 ;;
esac

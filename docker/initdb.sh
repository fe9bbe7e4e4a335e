#!/bin/sh
# Makes the wall's account and database, once: an account that owns its database and is
# no superuser, which could run programs where the database is.
set -eu

psql --set=ON_ERROR_STOP=1 --username postgres \
  --set=password="$(cat /run/wall/password)" <<'SQL'
CREATE ROLE wall LOGIN PASSWORD :'password';
CREATE DATABASE wall OWNER wall;
SQL

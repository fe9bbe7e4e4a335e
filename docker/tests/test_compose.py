"""Up, down, scaled and looked at: what an operator does on a good day."""

import gzip
import http.client
import json
import re
import shutil
import ssl
import subprocess
import time
import urllib.request
from contextlib import closing
from urllib.parse import quote

import pytest
from stack import ROOT

from config.tests.environment import free_port
from messages_app.tests.chaos.clients import KEY


def test_up_from_nothing_to_a_wall_that_is_well(stack):
    states = stack.compose("ps", "--all", "--format", "{{.Service}} {{.Status}}")
    for service in ["db", "redis", "web", "proxy"]:
        assert re.search(rf"^{service} Up .*\(healthy\)", states, re.MULTILINE)
    for service in ["secrets", "migrate"]:
        assert re.search(rf"^{service} Exited \(0\)", states, re.MULTILINE)
    status, told, _ = stack.ask("/readyz")
    assert (status, json.loads(told)) == (
        200,
        {"status": "ok", "database": "ok", "cache": "ok"},
    )
    assert re.search(r"0001_messages\.\.\. OK \(", stack.compose("logs", "migrate"))


def test_a_post_shows_and_each_view_is_counted(stack):
    assert stack.post("Hello through the proxy")[0] == 303
    assert "Hello through the proxy" in stack.page()
    views = stack.views()
    assert stack.views() == views + 1


def test_the_status_is_the_same_for_ten_seconds(stack):
    first, second = (json.loads(stack.ask("/status")[1]) for _ in range(2))
    assert first["timestamp"] == second["timestamp"]
    assert second["cache"] == "hit"


def test_the_page_comes_compressed_and_sets_no_cookie(stack):
    accept = {"Accept-Encoding": "gzip"}
    request = urllib.request.Request(f"http://127.0.0.1:{stack.port}/", headers=accept)
    with urllib.request.urlopen(request) as response:
        html = gzip.decompress(response.read()).decode()
    assert "This wall has been viewed" in html
    assert response.headers["Set-Cookie"] is None


def test_down_and_up_keep_messages_and_count(new_stack):
    stack = new_stack()
    stack.up()
    assert stack.post("still here")[0] == 303
    views = stack.views()
    stack.compose("down")
    stack.up()
    assert "still here" in stack.page()
    assert stack.views() == views + 2
    stack.compose("down", "--volumes")
    stack.up()
    assert "still here" not in stack.page()
    assert stack.views() == 2


def test_a_new_database_container_keeps_the_rows(stack):
    assert stack.post("rows outlive containers")[0] == 303
    before = stack.inspect("db")["Id"]
    stack.compose("up", "--wait", "--force-recreate", "--no-deps", "db")
    assert stack.inspect("db")["Id"] != before
    assert "rows outlive containers" in stack.stored()
    stack.wait_until(lambda: '"ok", "database": "ok"' in stack.ask("/readyz")[1])


def test_three_migrate_and_three_web_at_once_apply_each_migration_once(new_stack):
    stack = new_stack()
    stack.compose("build")
    stack.compose("up", "--wait", "db", "redis")
    run = ["run", "--rm", "--no-deps", "--no-TTY"]
    webs = [stack.start(*run, "web") for _ in range(3)]
    migrates = [stack.start(*run, "migrate") for _ in range(3)]
    said = [one.communicate(timeout=120)[0] for one in migrates]
    assert [one.returncode for one in migrates] == [0, 0, 0], said
    applied = re.findall(r"Applying (\S+)\.\.\. OK", "".join(said))
    assert "messages_app.0001_messages" in applied
    assert len(applied) == len(set(applied))
    for web in webs:
        assert any("Listening at" in line for line in web.stdout)
    stack.remove()
    for web in webs:
        web.communicate(timeout=60)


ASK = """
import sys, urllib.request
data = sys.argv[1].encode() if len(sys.argv) > 1 else None
with urllib.request.urlopen("http://localhost:8000/", data) as answer:
    print(answer.read().decode())
"""


def test_a_post_through_one_replica_shows_in_all_others_at_once(stack):
    stack.compose("up", "--wait", "--scale", "web=3", "--no-recreate")
    for number in (1, 2, 3):
        text = f"from replica {number}"
        post = ["exec", "-T", "--index", str(number), "web", "python", "-c", ASK]
        stack.compose(*post, f"content={quote(text)}")
        for other in (1, 2, 3):
            read = ["exec", "-T", "--index", str(other), "web", "python", "-c", ASK]
            assert text in stack.compose(*read), (number, other)
    stack.compose("up", "--wait", "--scale", "web=1", "--no-recreate")


def test_any_command_of_manage_py_runs_beside_the_wall_and_in_it(stack):
    run = ["run", "--rm", "--no-TTY", "web"]
    assert "no issues" in stack.compose(*run, "check")
    assert "no issues" in stack.compose(*run, "python", "manage.py", "check")
    inside = stack.compose("exec", "-T", "web", "python", "manage.py", "showmigrations")
    assert "[X] 0001_messages" in inside


# What can be read off the containers


@pytest.mark.parametrize("service", ["db", "redis", "web", "jobs", "proxy"])
def test_nothing_runs_with_more_rights_than_it_needs(stack, service):
    found = stack.inspect(service)
    host = found["HostConfig"]
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert host["ReadonlyRootfs"]
    assert host["Memory"] > 0
    assert host["PidsLimit"] > 0
    assert host["Init"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert host["LogConfig"]["Config"] == {"max-file": "3", "max-size": "10m"}
    assert host["RestartPolicy"]["Name"] == "unless-stopped"
    of_init, of_service = "/proc/1/status", "/proc/7/status"
    told = stack.sh(service, f"cat {of_init} {of_service} 2>/dev/null; id -u")
    assert set(re.findall(r"CapEff:\s+(\w+)", told)) == {"0000000000000000"}
    assert set(re.findall(r"NoNewPrivs:\s+(\d)", told)) == {"1"}
    assert int(told.split()[-1]) > 0


def test_only_the_proxy_is_reached_from_outside_and_only_from_this_machine(stack):
    for service in ["db", "redis", "web", "jobs"]:
        found = stack.inspect(service)
        assert not any(found["NetworkSettings"]["Ports"].values()), service
        for network in found["NetworkSettings"]["Networks"]:
            (told,) = json.loads(stack.docker("network", "inspect", network))
            # jobs sends e-mail.
            is_for_mail = service == "jobs" and network == f"{stack.name}_mail"
            assert told["Internal"] or is_for_mail
    bindings = stack.inspect("proxy")["HostConfig"]["PortBindings"]
    assert bindings == {
        "8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(stack.port)}]
    }


def test_the_wall_cannot_write_its_own_code(stack):
    touch = "touch /app/manage.py /app/new /usr/local/bin/gunicorn /usr/local/bin/new"
    told = stack.compose("exec", "-T", "web", "sh", "-c", touch, check=False)
    assert len(re.findall("Read-only file system|Permission denied", told)) == 4
    image = ["run", "--rm", "--entrypoint", "sh", "message-wall", "-c"]
    found = "find / -xdev -writable -not -path '/proc/*' -type f 2>/dev/null | wc -l"
    assert stack.docker(*image, found).strip() == "0"


def test_the_image_holds_no_compiler_no_cache_and_no_test(stack):
    script = (
        "command -v gcc cc make; find / -xdev -path '*/tests/*' -path '/app/*';"
        "ls -d /root/.cache/* /wheels/* /app/data 2>/dev/null; true"
    )
    image = ["run", "--rm", "--user", "0", "--entrypoint", "sh", "message-wall", "-c"]
    assert stack.docker(*image, script) == ""


def test_no_secret_is_seen_from_outside(stack):
    files = {"db": "password", "redis": "password", "web": "secret_key"}
    values = [
        stack.sh(service, f"cat /run/wall/{file}").strip()
        for service, file in files.items()
    ]
    assert all(len(value) >= 50 for value in values)
    assert len(set(values)) == 3
    seen = stack.docker("inspect", *stack.containers()) + stack.compose("logs")
    for image in ["message-wall", "message-wall-proxy"]:
        seen += stack.docker("history", "--no-trunc", image)
    for service in ["redis", "web", "jobs", "proxy"]:
        # Not db: its image's own start exports the password that it reads from the file.
        seen += stack.sh(service, "cat /proc/*/environ 2>/dev/null; true")
    for value in values:
        assert value not in seen


def test_each_reader_can_read_its_own_secrets_only(stack):
    told = {
        service: stack.sh(service, "ls /run/wall").split()
        for service in ["db", "redis", "web", "jobs"]
    }
    wall = ["database_url", "email_url", "redis_url", "secret_key"]
    assert told == {
        "db": ["password", "superuser_password"],
        "redis": ["password", "redis.conf"],
        "web": wall,
        "jobs": wall,
    }
    assert "Read-only" in stack.compose(
        "exec", "-T", "web", "sh", "-c", "echo x > /run/wall/secret_key", check=False
    )


def test_no_log_tells_who_asked_what(stack):
    agent = {"User-Agent": "Agent-9", "X-Forwarded-For": "192.0.2.77"}
    stack.ask("/?before=secret-query", headers=agent)
    stack.ask("/receipts/token-of-a-visitor/", headers=agent)
    stack.compose("stop", "--timeout", "20", "web")
    try:
        status, html, headers = stack.ask("/?q=secret-query", headers=agent)
        assert status in {502, 503}
        assert "The wall is not there right now" in html
        assert headers["Retry-After"] == "10"
        assert stack.ask("/", {"content": "a post"})[:2] == (status, html)
        assert stack.ask("/proxy/wall.css")[0] == 200
    finally:
        stack.start_again("web")
    told = stack.compose("logs", "web", "proxy", "redis", "jobs")
    for personal in ["secret-query", "token-of-a-visitor", "Agent-9", "192.0.2.77"]:
        assert personal not in told
    requests = [json.loads(line) for line in re.findall(r'\{"time": .*\}', told)]
    assert {"method", "path", "status", "ms"} < set(requests[0])
    # The visitor's side of the proxy, whose networks all begin alike.
    gateway = json.loads(stack.docker("network", "inspect", f"{stack.name}_public"))
    assert gateway[0]["IPAM"]["Config"][0]["Gateway"] not in told


def test_a_body_that_no_visitor_means_is_refused_by_the_proxy(stack):
    begin = time.monotonic()
    status, html, _ = stack.ask("/", {"content": "x" * 2_000_000})
    assert status == 413
    assert "far more than the wall takes" in html
    assert "your text is still in the form" in html
    # Nor is a replica blamed for it, as for one that hangs.
    assert time.monotonic() - begin < 5


def test_a_body_of_no_announced_length_is_asked_for_one(stack):
    def ask(method):
        connection = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=20)
        with closing(connection):
            body = iter([b"content=" + b"x" * 400_000])
            connection.request(method, "/", body, encode_chunked=True)
            return connection.getresponse().status

    begin = time.monotonic()
    assert ask("POST") == 411
    assert ask("GET") == 200
    assert stack.ask()[0] == 200
    assert time.monotonic() - begin < 5  # as above


def test_who_opens_the_wall_by_another_name_is_told_how_to_allow_it(stack):
    status, html, _ = stack.ask("/", headers={"Host": "wall.lan"})
    assert status == 400
    assert "ALLOWED_HOSTS=localhost,wall.lan" in html


# With a name and https


def test_with_a_site_address_all_is_https(new_stack, tmp_path):
    """With Caddy's own certificates, which it makes for localhost."""
    http, https = free_port(), free_port()
    ports = [f"127.0.0.1:{http}:80", f"127.0.0.1:{https}:443"]
    override = tmp_path / "ports.yml"
    override.write_text(
        "services:\n  proxy:\n    ports: !override " + json.dumps(ports) + "\n"
    )
    files = [ROOT / "compose.yml", override]
    mail = {"EMAIL_URL": "smtp://mail.invalid", "EMAIL_FROM": "wall@mail.invalid"}
    stack = new_stack(files=files, SITE_ADDRESS="localhost", **mail)
    plain = json.loads(stack.compose("config", "--format", "json"))
    assert plain["services"]["web"]["environment"]["SITE_ADDRESS"] == "localhost"
    stack.up()
    root = stack.sh("proxy", "cat /data/caddy/pki/authorities/local/root.crt")
    base, context = (
        f"https://localhost:{https}",
        ssl.create_default_context(cadata=root),
    )

    status, _, headers = stack.ask("/", base=f"http://localhost:{http}")
    assert status in {301, 308}
    assert headers["Location"] == "https://localhost/"

    status, html, headers = stack.ask("/", base=base, context=context)
    assert status == 200
    assert "max-age=" in headers["Strict-Transport-Security"]
    assert headers["Set-Cookie"] is None
    form = {
        "content": "over TLS",
        "form_key": KEY.search(html)[1],
    }
    origin = {"Origin": "https://localhost"}
    assert stack.ask("/", form, origin, context, base)[0] == 303
    other = {"Origin": "https://other.example"}
    assert stack.ask("/", form, other, context, base)[0] == 403
    _, _, headers = stack.ask("/admin/login/", context=context, base=base)
    assert "Secure" in headers["Set-Cookie"]
    deploy = ["exec", "-T", "web", "python", "manage.py", "check", "--deploy"]
    assert "no issues" in stack.compose(*deploy, "--fail-level", "INFO")


def test_with_a_site_address_the_internets_ports_are_published(new_stack):
    stack = new_stack(SITE_ADDRESS="wall.example")
    proxy = json.loads(stack.compose("config", "--format", "json"))["services"]["proxy"]
    published = {(port["published"], port["protocol"]) for port in proxy["ports"]}
    assert published == {("80", "tcp"), ("443", "tcp"), ("443", "udp")}
    assert proxy["environment"]["SITE_ADDRESS"] == "wall.example"


def test_the_operators_own_secrets_are_used_whatever_is_in_them(new_stack, tmp_path):
    key = tmp_path / "key"
    key.write_text("a key of the operator's own, of more than fifty characters\n")
    key.chmod(0o644)
    override = tmp_path / "key.yml"
    override.write_text(
        "services: {secrets: {secrets: [key], environment: "
        "{SECRET_KEY_FILE: /run/secrets/key}}}\n"
        f"secrets: {{key: {{file: {key}}}}}\n"
    )
    own = {"POSTGRES_PASSWORD": "p@s:w/r'd\"\\%", "REDIS_PASSWORD": 'r:e@d"i\\s #%'}
    stack = new_stack(files=[ROOT / "compose.yml", override], **own)
    stack.up()
    assert stack.post("with secrets of our own")[0] == 303
    assert '"status": "ok"' in stack.ask("/readyz")[1]
    assert stack.sh("web", "cat /run/wall/secret_key") == key.read_text()
    backup = ["run", "--rm", "--no-TTY", "--build", "backup", "now"]
    assert "Backed up:" in stack.compose(*backup)
    # Unset again they stay, and even if a volume of theirs is lost.
    for name in own:
        del stack.environment[name]
    stack.files = ["compose.yml"]
    stack.compose("down")
    for volume in ["db-secrets", "wall-secrets"]:
        stack.docker("volume", "rm", f"{stack.name}_{volume}")
    stack.up()
    assert '"status": "ok"' in stack.ask("/readyz")[1]
    assert stack.sh("web", "cat /run/wall/secret_key") == key.read_text()


def test_the_walls_own_account_is_no_superuser_of_the_database(stack):
    rights = "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication"
    assert stack.sql(f"{rights} FROM pg_roles WHERE rolname = current_user") == "f"


def test_up_again_replaces_nothing_that_has_not_changed(stack):
    before = {service: stack.inspect(service)["Id"] for service in ["web", "jobs"]}
    stack.up()
    after = {service: stack.inspect(service)["Id"] for service in ["web", "jobs"]}
    assert after == before


# Backups


def test_a_backup_is_checked_kept_and_put_back(stack):
    backup = ["run", "--rm", "--no-TTY", "backup"]
    assert stack.post("before the backup")[0] == 303
    told = stack.compose(*backup, "now")
    name = re.search(r"Backed up: (\S+),", told)[1]
    assert "SECRET_KEY" in told
    key = stack.sh("web", "cat /run/wall/secret_key").strip()
    assert key in stack.compose(*backup, "cat", name.replace(".dump", ".key"))
    assert stack.post("after the backup")[0] == 303
    salts = "psql -qAt -h 127.0.0.1 -U wall -c 'select count(*) from messages_app_sendersalt'"
    assert int(stack.sh("db", salts)) > 0
    assert "Restored." in stack.compose(*backup, "restore", name)
    assert int(stack.sh("db", salts)) == 0  # which no backup holds
    assert "before the backup" in stack.stored()
    assert "after the backup" not in stack.stored()
    stack.wait_until(lambda: "after the backup" not in stack.page(), seconds=15)
    assert stack.post("and it goes on")[0] == 303


def test_a_backup_goes_to_another_machine_and_back(stack):
    """As the README says: out by standard output, in by standard input."""
    assert stack.post("from another machine")[0] == 303
    backup = ["run", "--rm", "--no-TTY", "backup"]
    name = re.search(r"Backed up: (\S+),", stack.compose(*backup, "now"))[1]
    assert stack.post("too late for the backup")[0] == 303
    out = stack.start(*backup, "cat", name, stderr=subprocess.DEVNULL)
    back = stack.start(*backup, "restore", "-", stdin=out.stdout)
    assert "Restored." in back.communicate(timeout=120)[0]
    out.communicate()
    assert "from another machine" in stack.stored()
    assert "too late for the backup" not in stack.stored()


def test_a_damaged_backup_changes_nothing(stack):
    backup = ["run", "--rm", "--no-TTY", "backup"]
    assert stack.post("not to be lost")[0] == 303
    name = re.search(r"Backed up: (\S+),", stack.compose(*backup, "now"))[1]
    cut = f"head -c 9000 {name} > wall-cut.dump"
    stack.compose("run", "--rm", "--no-TTY", "--entrypoint", "sh", "backup", "-c", cut)
    told = stack.compose(*backup, "restore", "wall-cut.dump", check=False)
    assert "Restored." not in told
    assert "not to be lost" in stack.stored()


def test_the_oldest_backups_are_deleted(stack):
    make = (
        "rm -f wall-*; for day in 1 2 3 4; do touch wall-2001-01-0$day.{dump,key}; done"
    )
    run = ["run", "--rm", "--no-TTY"]
    stack.compose(*run, "--build", "--entrypoint", "bash", "backup", "-c", make)
    stack.compose(*run, "-e", "BACKUP_KEEP=2", "backup", "now")
    kept = re.findall(r"wall-2\S+", stack.compose(*run, "backup", "list"))
    assert kept[:2] == ["wall-2001-01-04.dump", "wall-2001-01-04.key"]
    assert len(kept) == 4


def test_the_schedule_makes_a_backup_and_ends_when_told_to(stack):
    stack.compose("--profile", "backup", "up", "--detach", "--build", "backup")
    stack.wait_until(lambda: "Backed up:" in stack.compose("logs", "backup"))
    stack.compose("--profile", "backup", "stop", "--timeout", "10", "backup")
    assert stack.inspect("backup")["State"]["ExitCode"] == 0
    stack.compose("--profile", "backup", "rm", "--force", "backup")


def test_a_scheduled_backup_that_fails_is_told_and_leaves_nothing(stack):
    run = ["run", "--rm", "--no-TTY"]
    before = stack.compose(*run, "backup", "list").partition("total")[2]
    backup = ["--profile", "backup"]
    stack.compose(*backup, "up", "--detach", "--no-start", "backup")
    stack.compose("stop", "db")
    try:
        stack.docker("start", f"{stack.name}-backup-1")
        stack.wait_until(
            lambda: "The backup FAILED" in stack.compose(*backup, "logs", "backup")
        )
        assert "Backed up" not in stack.compose(*backup, "logs", "backup")
    finally:
        stack.compose(*backup, "rm", "--stop", "--force", "backup")
        stack.start_again("db")
    assert stack.compose(*run, "backup", "list").partition("total")[2] == before


# Developing


def test_watch_shows_a_change_of_the_code(new_stack, tmp_path):
    ignored = shutil.ignore_patterns(".*", "data", "staticfiles", "__pycache__")
    folder = tmp_path / "wall"
    shutil.copytree(ROOT, folder, ignore=ignored)
    shutil.copy(ROOT / ".dockerignore", folder)
    stack = new_stack(folder=folder)
    stack.up()
    watch = stack.start("watch", "--no-up")
    try:
        assert any("Watch enabled" in line for line in watch.stdout)
        template = folder / "templates" / "messages_app" / "wall.html"
        changed = template.read_text().replace("</main>", "changed just now</main>")
        template.write_text(changed)
        stack.wait_until(lambda: "changed just now" in stack.ask()[1])
    finally:
        watch.terminate()
        watch.communicate()

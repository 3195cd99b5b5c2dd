#!/usr/bin/python3
"""
From nothing to an API key: a developer's account, an app, a key, by the management API. It prints
what you need to use the chat API and keeps it in examples/.env, or in the file that is named as the
only argument. Run again it signs in to the same account and finds the same app, and makes another
key only if the one of the file has stopped working. Needs Python's requests.

From the environment: WHISP_MANAGEMENT_URL, and WHISP_DEV_EMAIL with WHISP_DEV_PASSWORD for an account
of your own choice.
"""

import os
import secrets
import shlex
import sys

import requests

MANAGEMENT_API = os.environ.get("WHISP_MANAGEMENT_URL", "http://127.0.0.1:8081").rstrip("/")
ENV_FILE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), ".env")
COMPANY, APP = "Example Ltd", "examples"
TIMEOUT_S = 30


def sign_in(session: requests.Session, email: str, password: str) -> None:
    """Registers the account, or logs in if it exists; the session then acts for it."""
    resp = session.post(
        f"{MANAGEMENT_API}/api/auth/register",
        json={"companyName": COMPANY, "email": email, "password": password},
        timeout=TIMEOUT_S,
    )
    if resp.status_code == 409:
        resp = session.post(
            f"{MANAGEMENT_API}/api/auth/login",
            json={"email": email, "password": password},
            timeout=TIMEOUT_S,
        )
    account = checked(resp)
    if "accessToken" not in account:
        sys.exit(f"{email} signs in with a second factor; use an account without")
    session.headers["Authorization"] = f"Bearer {account['accessToken']}"


def find_app(session: requests.Session) -> dict:
    """The app of these examples, made if it is not there, with its clusterEndpoint."""
    apps = checked(session.get(f"{MANAGEMENT_API}/api/client/apps", timeout=TIMEOUT_S))
    app = next((app for app in apps if app["name"] == APP and app["status"] == "ACTIVE"), None)
    if app is None:
        app = checked(session.post(
            f"{MANAGEMENT_API}/api/client/apps", json={"name": APP}, timeout=TIMEOUT_S))
    return checked(session.get(f"{MANAGEMENT_API}/api/client/apps/{app['id']}", timeout=TIMEOUT_S))


def works(base_url: str, api_key: str) -> bool:
    """Whether the chat API takes the key: what it says when someone signs in who is not there."""
    resp = requests.post(
        f"{base_url}/api/user/signin",
        headers={"x-api-key": api_key},
        json={"username": secrets.token_hex(16), "password": secrets.token_hex(16)},
        timeout=TIMEOUT_S,
    )
    return "API_KEY" not in resp.text


def checked(resp: requests.Response):
    """The body of an answer that is a success; else the end, with the server's own sentence."""
    try:
        body = resp.json()
    except ValueError:
        body = {}
    if not resp.ok:
        why = body.get("message", resp.reason)
        sys.exit(f"{resp.request.method} {resp.url}: {resp.status_code} {why}")
    return body


def read_env(path: str) -> dict:
    """The NAME=value lines of the file, in order; none if there is no file."""
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as file:
        words = shlex.split(file.read(), comments=True)
    return dict(word.split("=", 1) for word in words if "=" in word)


def write_env(path: str, values: dict) -> None:
    """All of it or nothing, and for nobody else to read: there are secrets in it."""
    secret = os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(secret, "w", encoding="utf-8") as file:
        file.write("# Made by examples/python-setup; secrets, so not for git.\n")
        file.writelines(f"{name}={shlex.quote(value)}\n" for name, value in values.items())
    os.replace(f"{path}.new", path)


def setup_whisp(values: dict) -> dict:
    """What the .env file shall hold, from what it holds."""
    email = os.environ.get("WHISP_DEV_EMAIL") or values.get("WHISP_DEV_EMAIL") or \
        f"dev-{secrets.token_hex(4)}@example.com"
    password = os.environ.get("WHISP_DEV_PASSWORD") or values.get("WHISP_DEV_PASSWORD") or \
        secrets.token_urlsafe(24)
    session = requests.Session()
    sign_in(session, email, password)
    app = find_app(session)
    base_url, api_key = app["clusterEndpoint"], values.get("WHISP_API_KEY", "")
    if not (api_key and works(base_url, api_key)):
        key = checked(session.post(
            f"{MANAGEMENT_API}/api/client/apps/{app['id']}/keys", timeout=TIMEOUT_S))
        api_key = key["token"]  # returned this once
    return {**values, "WHISP_URL": base_url, "WHISP_API_KEY": api_key,
            "WHISP_DEV_EMAIL": email, "WHISP_DEV_PASSWORD": password}


def main() -> None:
    path = sys.argv[1] if len(sys.argv) > 1 else os.path.relpath(ENV_FILE)
    before = read_env(path)
    try:
        values = setup_whisp(before)
    except requests.ConnectionError as error:
        sys.exit(f"No whispd answers at {error.request.url}: start one with `make run`.")
    write_env(path, values)
    news = "As before" if values == before else "New"
    print(f"""WHISP_URL={values["WHISP_URL"]}
WHISP_API_KEY={values["WHISP_API_KEY"]}

{news}, and in {path}, for you alone to read, with the account's email and password.
The key is a secret of your backend. `make node-bot` uses it; in a shell: set -a; . {path}""")


if __name__ == "__main__":
    main()

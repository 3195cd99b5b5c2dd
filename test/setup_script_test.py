"""
The set-up script that the documents print, run as it stands (its indentation restored, nothing
changed but MANAGEMENT_API) against a server of its own: a first run, a second run alike, and what
comes of it used as the documents say. Needs Python's requests. Run it directly.
"""

import json
import os
import subprocess
import sys
import unittest

import requests

from whispd import Server

SCRIPT = '''\
import requests
import json
import sys

MANAGEMENT_API = "https://management.api.whispchat.com"


def setup_whisp(company_name: str, email: str, password: str, app_name: str) -> dict:
    session = requests.Session()

    # ── Step 1: Register (or login if account exists) ──
    resp = session.post(
        f"{MANAGEMENT_API}/api/auth/register",
        json={
            "companyName": company_name,
            "email": email,
            "password": password,
        },
    )

    if resp.status_code == 201:
        access_token = resp.json()["accessToken"]
    elif resp.status_code == 409:
        # Account already exists — login instead
        resp = session.post(
            f"{MANAGEMENT_API}/api/auth/login",
            json={"email": email, "password": password},
        )
        resp.raise_for_status()
        access_token = resp.json()["accessToken"]
    else:
        resp.raise_for_status()

    session.headers["Authorization"] = f"Bearer {access_token}"

    # ── Step 2: Create a demo app ──
    resp = session.post(
        f"{MANAGEMENT_API}/api/client/apps",
        json={"name": app_name},
    )
    resp.raise_for_status()
    app = resp.json()
    app_id = app["id"]

    # ── Step 3: Generate an API key ──
    resp = session.post(f"{MANAGEMENT_API}/api/client/apps/{app_id}/keys")
    resp.raise_for_status()
    key_data = resp.json()
    api_key = key_data["token"] # Only returned once — save immediately

    # ── Step 4: Get the base URL ──
    resp = session.get(f"{MANAGEMENT_API}/api/client/apps/{app_id}")
    resp.raise_for_status()
    app_detail = resp.json()
    base_url = app_detail["clusterEndpoint"]

    return {
        "api_key": api_key,
        "base_url": base_url,
        "app_id": app_id,
        "app_name": app_detail["name"],
    }


if __name__ == "__main__":
    result = setup_whisp(
        company_name="Acme Corp",
        email="dev@acme.com",
        password="S3cure!Pass#2026",
        app_name="my-chat-app",
    )
    print(json.dumps(result, indent=2))
    print(f"\\nSave the api_key — it cannot be retrieved again.")
'''


class SetupScript(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.api, cls.management = cls.server.api, cls.server.management
        cls.script = os.path.join(cls.server.place, "setup.py")
        with open(cls.script, "w", encoding="utf-8") as file:
            file.write(SCRIPT.replace("https://management.api.whispchat.com", cls.management))
        cls.runs = [cls.run_script() for _ in range(2)]

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    @classmethod
    def run_script(cls):
        return subprocess.run([sys.executable, cls.script], capture_output=True, text=True,
                              encoding="utf-8", timeout=60)

    def results(self):
        """What each run printed as JSON, once it is known that both ended well."""
        for done in self.runs:
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(done.stderr, "")
        return [json.loads(done.stdout.partition("\n\n")[0]) for done in self.runs]

    def test_both_runs_print_what_the_documents_show(self):
        for done, result in zip(self.runs, self.results()):
            self.assertIn("\nSave the api_key — it cannot be retrieved again.\n", done.stdout)
            self.assertEqual(list(result), ["api_key", "base_url", "app_id", "app_name"])
            self.assertTrue(result["api_key"].startswith("eyJhbGciOiJS"), result["api_key"][:12])
            self.assertEqual(result["base_url"], self.api)
            self.assertEqual(result["app_name"], "my-chat-app")

    def test_the_second_run_uses_the_same_account(self):
        first, second = self.results()
        self.assertNotEqual(first["app_id"], second["app_id"])
        self.assertNotEqual(first["api_key"], second["api_key"])
        login = requests.post(f"{self.management}/api/auth/login", timeout=10, json={
            "email": "dev@acme.com", "password": "S3cure!Pass#2026"})
        self.assertEqual(login.status_code, 200)
        apps = requests.get(f"{self.management}/api/client/apps", timeout=10, headers={
            "Authorization": f"Bearer {login.json()['accessToken']}"}).json()
        self.assertTrue({first["app_id"], second["app_id"]} <= {app["id"] for app in apps})
        self.assertEqual({app["clientId"] for app in apps}, {apps[0]["clientId"]})

    def test_each_key_opens_its_own_app_at_the_base_url(self):
        ids = set()
        for result in self.results():
            user = {"username": "alice", "password": "correct horse"}
            headers = {"x-api-key": result["api_key"]}
            made = requests.post(f"{result['base_url']}/api/user/registerUser", headers=headers,
                                 json={**user, "email": "alice@example.com"}, timeout=10)
            self.assertEqual(made.status_code, 201, made.text)
            signed = requests.post(f"{result['base_url']}/api/user/signin", headers=headers,
                                   json=user, timeout=10)
            self.assertEqual(signed.status_code, 200, signed.text)
            self.assertEqual(signed.json()["id"], made.json()["id"])
            me = requests.get(f"{result['base_url']}/api/user/getUser", timeout=10,
                              headers={"Authorization": f"Bearer {signed.headers['Authorization']}"})
            self.assertEqual(me.json()["username"], "alice")
            ids.add(me.json()["id"])
        self.assertEqual(len(ids), 2)

    def test_the_sixth_app_is_refused_with_a_sentence(self):
        for _ in range(3):
            self.assertEqual(self.run_script().returncode, 0)
        sixth = self.run_script()
        self.assertNotEqual(sixth.returncode, 0)
        self.assertIn("403", sixth.stderr)


if __name__ == "__main__":
    result = unittest.main(exit=False).result
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    sys.exit(failed > 0)

"""
examples/python-setup as `make python-setup` runs it, against a server of its own: from nothing, again,
and after what can happen to its file, its key and its server. Run it directly.
"""

import os
import stat
import subprocess
import sys
import unittest

import requests

from whispd import ROOT, Server

SCRIPT = os.path.join(ROOT, "examples/python-setup/setup.py")
NAMES = ["WHISP_URL", "WHISP_API_KEY", "WHISP_DEV_EMAIL", "WHISP_DEV_PASSWORD"]


class PythonSetup(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def setUp(self):
        self.file = os.path.join(self.server.place, f"{self.id()}.env")

    def run_script(self, **env):
        given = {"PATH": os.environ["PATH"], "WHISP_MANAGEMENT_URL": self.server.management, **env}
        return subprocess.run([sys.executable, SCRIPT, self.file], env=given, capture_output=True,
                              text=True, encoding="utf-8", timeout=60)

    def set_up(self, **env):
        """Runs it well; what a shell makes of the file it wrote."""
        done = self.run_script(**env)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        show = 'set -a; . "$0"; for name; do eval "printf \'%s\\\\n\' \\"\\$$name\\""; done'
        shell = subprocess.run(["sh", "-euc", show, self.file, *NAMES], check=True, env={},
                               capture_output=True, text=True, encoding="utf-8")
        values = dict(zip(NAMES, shell.stdout.splitlines()))
        for name in NAMES[:2]:
            self.assertIn(f"{name}={values[name]}\n", done.stdout)
        self.assertNotIn(values["WHISP_DEV_PASSWORD"], done.stdout)
        return values

    def manage(self, values, method, path):
        login = requests.post(f"{self.server.management}/api/auth/login", timeout=10, json={
            "email": values["WHISP_DEV_EMAIL"], "password": values["WHISP_DEV_PASSWORD"]}).json()
        answer = requests.request(method, f"{self.server.management}/api/client/apps{path}", timeout=10,
                                  headers={"Authorization": f"Bearer {login['accessToken']}"})
        self.assertTrue(answer.ok, answer.text)
        return answer.json() if answer.text else None

    def assert_opens_the_chat_api(self, values):
        made = requests.post(f"{values['WHISP_URL']}/api/user/registerUser", timeout=10,
                             headers={"x-api-key": values["WHISP_API_KEY"]},
                             json={"username": "ann", "email": "ann@example.com", "password": "correct horse"})
        self.assertEqual(made.status_code, 201, made.text)

    def test_a_second_run_finds_all_that_the_first_made(self):
        first = self.set_up()
        self.assertEqual(first["WHISP_URL"], self.server.api)
        self.assertEqual(stat.S_IMODE(os.stat(self.file).st_mode), 0o600)
        self.assertGreaterEqual(len(first["WHISP_DEV_PASSWORD"]), 24)
        self.assert_opens_the_chat_api(first)
        with open(self.file, "a", encoding="utf-8") as file:
            file.write("PORT=3000 # of one's own\n")
        self.assertEqual(self.set_up(), first)
        with open(self.file, encoding="utf-8") as file:
            self.assertIn("PORT=3000\n", file.read())
        apps = self.manage(first, "GET", "")
        self.assertEqual([app["name"] for app in apps], ["examples"])
        self.assertEqual(len(self.manage(first, "GET", f"/{apps[0]['id']}/keys")), 1)

    def test_a_key_that_was_revoked_is_replaced_in_the_same_app(self):
        first = self.set_up()
        app = self.manage(first, "GET", "")[0]
        key = self.manage(first, "GET", f"/{app['id']}/keys")[0]
        self.manage(first, "DELETE", f"/{app['id']}/keys/{key['id']}")
        second = self.set_up()
        self.assertNotEqual(second["WHISP_API_KEY"], first["WHISP_API_KEY"])
        self.assertEqual({**second, "WHISP_API_KEY": ""}, {**first, "WHISP_API_KEY": ""})
        self.assertEqual(len(self.manage(first, "GET", "")), 1)
        self.assert_opens_the_chat_api(second)

    def test_an_empty_server_gets_the_account_again(self):
        first = self.set_up()
        self.server = Server()  # this test's own, which hides the one of all
        self.addCleanup(self.server.stop)
        second = self.set_up()
        self.assertEqual(second["WHISP_URL"], self.server.api)
        self.assertEqual(second["WHISP_DEV_PASSWORD"], first["WHISP_DEV_PASSWORD"])
        self.assert_opens_the_chat_api(second)

    def test_an_account_of_ones_own(self):
        own = {"WHISP_DEV_EMAIL": "dev@acme.com", "WHISP_DEV_PASSWORD": "it's $3cure & \"long\" #1"}
        self.assertEqual({**self.set_up(**own), **own}, self.set_up())
        wrong = self.run_script(WHISP_DEV_PASSWORD="another one")
        self.assertEqual(wrong.returncode, 1)
        self.assertRegex(wrong.stderr, r"^POST http://\S+/api/auth/login: 401 .*\n$")

    def test_without_a_server_it_says_how_to_start_one(self):
        done = self.run_script(WHISP_MANAGEMENT_URL="http://127.0.0.1:9")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, r"^No whispd answers at http://127\.0\.0\.1:9\b.*`make run`\.\n$")
        self.assertFalse(os.path.exists(self.file))


if __name__ == "__main__":
    result = unittest.main(exit=False).result
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    sys.exit(failed > 0)

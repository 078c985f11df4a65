# SPDX-License-Identifier: Apache-2.0
"""A page in Chromium that asks another origin: browser.py PORT HOST ADDRESS KEY. The page is served at
http://localhost:PORT, asks HOST, which is at ADDRESS, and its findings are printed as JSON: for each request the status
and two fields as the script sees them, or null where the browser keeps the response from it."""
import http.server
import os
import subprocess
import sys
import tempfile
import threading

PATIENCE = 60
PAGE = """<!doctype html><script>
const host = "http://HOST", key = "KEY", found = {};
async function ask(name, path, options) {
  try {
    const response = await fetch(host + path, options);
    found[name] = [response.status, response.headers.get("retry-after"), response.headers.get("etag")];
  } catch (error) {
    found[name] = null;
  }
}
(async () => {
  await ask("without a key", "/orders/1", {credentials: "include"});
  await ask("put", "/orders/1", {method: "PUT", body: "{}", credentials: "include",
    headers: {"X-API-Key": key, "Content-Type": "application/json"}});
  await ask("over the limit", "/orders/1", {credentials: "include", headers: {"X-API-Key": key}});
  await ask("method", "/orders/1", {method: "DELETE", headers: {"X-API-Key": key}});
  await ask("field", "/orders/1", {headers: {"X-API-Key": key, "X-Debug": "1"}});
  await ask("any origin", "/open");
  await ask("any origin with credentials", "/open", {credentials: "include"});
  await fetch("/found", {method: "POST", body: JSON.stringify(found)});
})();
</script>"""


class Page(http.server.BaseHTTPRequestHandler):
    text, found, done = "", "", threading.Event()

    def do_GET(self):  # pylint: disable=invalid-name
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(self.text.encode())

    def do_POST(self):  # pylint: disable=invalid-name
        Page.found = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.send_response(204)
        self.end_headers()
        self.done.set()

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


def main(port, host, address, key):
    Page.text = PAGE.replace("HOST", host).replace("KEY", key)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory(prefix="sluice-browser-") as home:
        # Its own sandbox wants what root in a namespace has not; what it loads is the page above.
        browser = subprocess.Popen(["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
            "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
            f"--user-data-dir={home}", f"--host-resolver-rules=MAP {host} {address}", f"http://localhost:{port}/"],
            env={**os.environ, "HOME": home}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ended = Page.done.wait(PATIENCE)
        browser.terminate()
        browser.wait()
    server.shutdown()
    if not ended:
        sys.exit("the page did not come to its end")
    print(Page.found)


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:5])

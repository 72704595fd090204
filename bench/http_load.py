"""HTTP load from `wrk`, so that the generator is not what is measured."""

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

CALL = '{"method":"setGpio","params":{"pin":7,"value":1}}'

# One request per path, made once and taken in turn; at the end the figures as one line of JSON.
_SCRIPT = """
local paths = {PATHS}
local headers = {HEADERS}
local requests, n = {}, 0
init = function(args)
  for i, path in ipairs(paths) do requests[i] = wrk.format("POST", path, headers, BODY) end
end
request = function() n = n % #requests + 1; return requests[n] end
done = function(summary, latency, requests)
  io.write(string.format('\\nFIGURES {"requests":%d,"errors":%d,"seconds":%f,"p50":%f,"p99":%f}\\n',
    summary.requests, summary.errors.status + summary.errors.timeout + summary.errors.read + summary.errors.connect,
    summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"""


@dataclass(frozen=True)
class Load:
    """What came of a load: answers per second, latencies in milliseconds, requests in all, failed ones among them."""

    rate: float
    p50_ms: float
    p99_ms: float
    requests: int
    errors: int


def run(url: str, paths: Sequence[str], jwt: str, body: str, *, in_flight: int, seconds: float, work: Path) -> Load:
    """POST `body` to `paths` in turn for so long with so many requests in flight. RuntimeError without `wrk`."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise RuntimeError("wrk is missing: apt-get install wrk")
    script = work / "load.lua"
    headers = {"Content-Type": "application/json", "X-Authorization": f"Bearer {jwt}"}
    script.write_text(
        f"local BODY = {json.dumps(body)}\n"
        + _SCRIPT.replace("{PATHS}", "{" + ",".join(map(json.dumps, paths)) + "}").replace(
            "{HEADERS}", "{" + ",".join(f"[{json.dumps(k)}]={json.dumps(v)}" for k, v in headers.items()) + "}"
        )
    )
    host = f"http://{urlsplit(url).netloc}"
    duration = f"{max(1, round(seconds))}s"
    command = [wrk, "-t1", f"-c{in_flight}", f"-d{duration}", "--timeout", "30s", "-s", str(script), host]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"FIGURES (\{.*\})", output)
    if found is None:
        raise RuntimeError(f"wrk said:\n{output}")
    figures = json.loads(found[1])
    return Load(
        figures["requests"] / figures["seconds"],
        figures["p50"],
        figures["p99"],
        figures["requests"],
        figures["errors"],
    )

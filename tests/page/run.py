"""The page in a real browser against a real daemon: what people do with it, by mouse, by keyboard, on a phone, with very many jobs.

Says what it does, ends with 1 when something is not as it should be. `--pictures FOLDER` keeps what was seen.
"""

import argparse
import os
import sys
import threading
import time
import traceback

from driver import Browser, Failed, wait
from yard import ADA, BEN, Yard

HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>alert(1)</script>"
MANY = 100_000
MANY_NODES = 10_000
# No task of the page's may keep it busy for longer than this, in milliseconds.
TASK_MS_MAX = 200
# A move of the pointer leaves most of a frame of 16 ms to others.
MOVE_MS_MAX = 4
# A busy machine makes everything slower, and nothing faster: one good round shows what the page can.
ROUNDS = 3


class Page:
    """The page of one who uses it."""

    def __init__(self, yard, browser, pictures):
        self.yard, self.browser, self.pictures = yard, browser, pictures

    def log_in(self, who):
        browser = self.browser
        browser.go(self.yard.url)
        browser.type("input[name=name]", who[0])
        browser.type("input[name=password]", who[1])
        browser.click("button[type=submit]", "Log in")
        browser.sees("h1", "Queue")

    def log_out(self):
        self.browser.click("#leave")
        self.browser.find("input[name=password]")

    def view(self, name):
        self.browser.script("location.hash = '#/' + arguments[0]", name)

    def picture(self, name):
        if self.pictures:
            self.browser.picture(os.path.join(self.pictures, f"{name}.png"))

    def complaints(self):
        """What the browser complains of, but for the questions that a log-in begins with."""
        lines = self.browser.complained()
        return [line for line in lines if not ("/session" in line and "401" in line)]


def logs_in_and_out(page):
    browser = page.browser
    browser.go(page.yard.url)
    browser.type("input[name=name]", ADA[0])
    browser.type("input[name=password]", "wrong")
    browser.click("button[type=submit]")
    browser.sees("[role=alert]", "do not fit")
    page.log_in(ADA)
    page.log_out()
    page.log_in(ADA)


def submits_watches_and_cancels(page):
    browser = page.browser
    browser.click("#nav a", "New job")
    browser.type("#job-command", "echo hello from the page; sleep 3; echo done")
    browser.type("#job-name", "greeting")
    browser.click("button[type=submit]", "Submit")
    browser.sees("h1", "greeting")
    # Nobody asks for news: it comes.
    browser.sees(".line .state", "Running")
    browser.click(".tabs a", "Output")
    browser.sees(".output", "hello from the page")
    browser.sees(".line .state", "Finished")
    browser.sees(".output", "done")
    browser.click(".tabs a", "Events")
    browser.sees("tbody", "JobEnded")
    browser.sees("tbody", "WorkStarted")

    long = page.yard.submit("sleep 600", name="long")
    page.view(f"job/{long}")
    browser.sees(".line .state", "Running")
    browser.click("[data-verb=cancel]")
    browser.type("#cancel-message", "not needed any more")
    browser.click("dialog button", "Cancel the job")
    browser.sees(".line .state", "Canceled")
    browser.sees("p.wrong", "not needed any more")
    browser.click("[data-verb=requeue]")
    browser.sees(".line .state", "Running")
    browser.click("[data-verb=cancel]")
    browser.click("dialog button", "Cancel the job")
    browser.sees(".line .state", "Canceled")


def says_why_and_when(page):
    browser, yard = page.browser, page.yard
    full = yard.submit("sleep 600", name="full", cores="16", runtime="10m")
    waits = yard.submit("true", name="waits", cores="2", runtime="5m")
    page.view("queue")
    browser.sees("tbody tr", "waits")
    browser.sees("tbody tr", "needs 2 cores")
    page.view("running")
    browser.sees("tbody tr", "full")
    page.view(f"job/{waits}/outlook")
    browser.sees(".large", "Starts in")
    browser.sees("table", str(full))
    page.picture("outlook")
    page.view(f"job/{waits}")
    browser.click("[data-verb=hold]")
    browser.click("dialog button", "Hold")
    browser.click("[data-verb=release]")
    browser.find("[data-verb=hold]")
    page.view("chart")
    browser.until("bars", "return document.querySelectorAll('.bar:not(.planned)').length > 0 && document.querySelectorAll('.bar.planned').length > 1")
    browser.click("main summary", "as a table")
    browser.sees("details tbody tr", "planned")
    page.picture("chart")
    page.view("nodes")
    browser.sees("tbody tr", "8 of 8")
    browser.until("a coloured map", "const c = document.querySelector('canvas'); const d = c.getContext('2d').getImageData(4, 4, 1, 1).data; return d[3] > 0")
    page.picture("nodes")
    yard.ask("POST", f"/jobs/{full}/cancel", {"forced": True})
    page.view(f"job/{waits}")
    browser.sees(".line .state", "Finished")


def shadows_activates_and_rolls_back(page):
    browser, yard = page.browser, page.yard
    page.view("policies")
    browser.sees("h2", "backfill")
    browser.click("summary", "Load a policy")
    browser.until("built-in policies", "return document.querySelector('#built-in').options.length > 1")
    browser.choose("#built-in", "fifo")
    browser.click("button", "Load built-in")
    browser.click("button[aria-label='Shadow fifo']")
    browser.type("#shadow-why", "to see what it would do")
    browser.click("dialog button", "Shadow")
    browser.sees("h2", "Shadow: fifo")
    # A job that backfill starts, and fifo does not: one that is too large is before it.
    first = yard.submit("sleep 600", name="first", cores="12", runtime="10m")
    yard.submit("true", name="large", cores="16", runtime="10m")
    small = yard.submit("true", name="small", cores="1", runtime="1m")
    browser.sees("[aria-label=shadow] .diff tbody tr", f"start job {small}")
    page.picture("shadow")
    browser.click("button[aria-label='Activate fifo']")
    browser.type("#activate-why", "the shadow did well")
    browser.click("dialog button", "Activate")
    browser.sees("[aria-label='In force'] h2", "fifo")
    browser.sees("[aria-label='In force']", "the shadow did well")
    # What is brought into view from above is not below the bar that stays on top.
    browser.size(1280, 400)
    was, covered = browser.script("""
        const one = document.querySelector("[aria-label='In force'] button");
        scrollTo(0, document.body.scrollHeight);
        const was = one.getBoundingClientRect().bottom;
        one.scrollIntoView({block: "nearest"});
        return [was, document.querySelector("#top").getBoundingClientRect().bottom - one.getBoundingClientRect().top]""")
    assert was < 0 and covered <= 0, (was, covered)
    browser.size(1280, 860)
    browser.click("[aria-label='In force'] button", "Roll back")
    browser.type("#rollback-why", "it did not")
    browser.click("dialog button", "Roll back")
    browser.sees("[aria-label='In force'] h2", "backfill")
    browser.sees("tbody", "rolled back to 1")
    in_force = "return [...document.querySelectorAll('tbody .tag')].filter((tag) => tag.textContent === 'in force').length"
    assert browser.script(in_force) == 1, browser.script(in_force)
    browser.click("button", "End the shadow")
    browser.until("no shadow", "return !document.querySelector('[aria-label=shadow]')")
    yard.ask("POST", f"/jobs/{first}/cancel", {"forced": True})


def guards_what_comes_into_force(page):
    browser, yard = page.browser, page.yard
    page.view("policies")
    browser.click("button[aria-label='Activate fifo']")
    disabled = "return document.querySelector('#guard-faults').matches(':disabled')"
    assert browser.script(disabled)
    browser.type("#activate-why", "with care")
    browser.type("#activate-guard", "30")
    assert not browser.script(disabled)
    browser.type("#guard-pass", "60000")
    browser.type("#guard-wait", "7200")
    browser.type("#guard-refused", "25")
    page.picture("guard")
    browser.click("dialog button", "Activate")
    browser.sees("[aria-label='In force'] h2", "fifo")
    browser.sees("[aria-label='In force']", "0 faults, 25 refused, 60,000 ms a pass, 7,200 s of waiting")
    guard = yard.ask("GET", "/policies")["active"]["guard"]
    assert [guard[key] for key in ("faults_max", "refused_max", "pass_ms_max", "wait_s_max")] == [0, 25, 60_000, 7_200], guard
    browser.click("[aria-label='In force'] button", "Roll back")
    browser.type("#rollback-why", "enough")
    browser.click("dialog button", "Roll back")
    browser.sees("[aria-label='In force'] h2", "backfill")


def tries_a_policy_on_some_nodes(page):
    browser, yard = page.browser, page.yard
    page.view("policies")
    browser.find("summary", "Load a policy")
    browser.script("document.querySelector('#built-in').closest('details').open = true")
    browser.until("built-in policies", "return document.querySelector('#built-in').options.length > 1")
    browser.choose("#built-in", "ranked+formula")
    browser.click("button", "Load built-in")
    # By keyboard only: on 360 pixels, in the dark.
    browser.size(360, 740, phone=True)
    browser.scheme("dark")
    try:
        browser.find("button[aria-label='Canary ranked+formula']")
        browser.script("document.querySelector(`button[aria-label='Canary ranked+formula']`).focus()")
        browser.keys("Enter")
        browser.find("dialog[open] #canary-percent")
        label = browser.script("return document.querySelector('#canary-group-0 + label').textContent")
        tab_to(browser, "#canary-group-0" if label == "new" else "#canary-group-1")
        browser.keys("Space")
        assert browser.script("return document.querySelector('#canary-percent').disabled")
        tab_to(browser, "#canary-why")
        browser.keys(*"to see")
        tab_to(browser, "#settings")
        browser.keys(*"no such thing")
        submit_dialog(browser)
        browser.sees("dialog [role=alert]", "write name=value")
        browser.type("#settings", "ranker.formula=sjf")
        width = browser.script("return document.querySelector('dialog').scrollWidth - document.querySelector('dialog').clientWidth")
        assert width <= 0, width
        poor = browser.script(CONTRASTS.replace("main *", "main *, dialog *"))
        assert poor == ["done"], poor
        page.picture("phone-canary")
        submit_dialog(browser)
        browser.sees("[aria-label=canary] h2", "Canary: ranked+formula ranker.formula=sjf")
        browser.sees("[aria-label=canary]", "the groups new: 1 node")
        job = yard.submit("sleep 600", name="there", cores="8", node_groups=["new"])
        browser.sees("[aria-label=canary]", "8 of 8")
        passes = "return [...document.querySelectorAll('[aria-label=canary] .facts div')].some((one) => /^Passes[1-9]/.test(one.textContent))"
        browser.until("its passes", passes)
        wide = browser.script("return document.documentElement.scrollWidth")
        assert wide <= 360, wide
        browser.script("document.querySelector('[aria-label=canary]').scrollIntoView()")
        page.picture("phone-canary-set")
        browser.script("document.querySelector('[data-focus=end-canary]').focus()")
        browser.keys("Enter")
        browser.until("no canary", "return !document.querySelector('[aria-label=canary]')")
    finally:
        browser.scheme("light")
        browser.size(1280, 860)
    yard.ask("POST", f"/jobs/{job}/cancel", {"forced": True})
    # And so many in a hundred.
    browser.click("button[aria-label='Canary backfill']")
    browser.type("#canary-percent", "34")
    browser.click("dialog button", "Try")
    browser.sees("[aria-label=canary]", "34 % of the nodes: 1 node")
    page.picture("canary")
    browser.click("button", "End the canary")
    browser.until("no canary", "return !document.querySelector('[aria-label=canary]')")


def tab_to(browser, css):
    for _ in range(20):
        if browser.script("return document.activeElement.matches(arguments[0])", css):
            return
        browser.keys("Tab")
    raise Failed(f"{css} is not reached by Tab")


def submit_dialog(browser):
    tab_to(browser, "dialog button[type=submit]")
    browser.keys("Enter")


def simulates(page):
    browser = page.browser
    page.view("simulation")
    browser.click(".choice label", "fifo")
    browser.click("button", "Simulate")
    browser.sees("#report table", "Mean wait")
    browser.until("three charts", "return document.querySelectorAll('#report svg').length === 3")
    page.picture("simulation")


def shows_hostile_names_as_text(page):
    browser, yard = page.browser, page.yard
    job = yard.submit(f"echo '{HOSTILE}'", name=HOSTILE[:80], project=HOSTILE[:80])
    page.view("jobs")
    browser.sees("tbody a", HOSTILE[:40])
    page.view(f"job/{job}")
    browser.sees("h1", HOSTILE[:40])
    page.view(f"job/{job}/output")
    browser.sees(".output", "<script>alert(1)")
    page.view(f"job/{job}/events")
    browser.click("tbody tr:last-of-type summary")
    browser.sees("tbody pre", "<script>alert(1)")
    page.view("chart")
    browser.until("its bar", "return [...document.querySelectorAll('.bar title')].some((title) => title.textContent.includes(arguments[0]))", HOSTILE[:40])
    found = browser.script("return [document.title, document.querySelectorAll('main img, main script').length]")
    assert "owned" not in found[0] and found[1] == 0, found


def works_by_keyboard(page):
    browser, yard = page.browser, page.yard
    job = yard.submit("sleep 600", name="by-key")
    browser.go("about:blank")
    browser.go(page.yard.url + "/#/queue")
    browser.sees("h1", "Queue")
    browser.keys("Tab")
    assert browser.script("return document.activeElement.id") == "skip"
    browser.keys("Enter")
    assert browser.script("return document.activeElement.id") == "main"
    browser.keys("g", "r")
    browser.sees("h1", "Running")
    browser.sees("tbody tr", "by-key")
    browser.keys("j")
    browser.until("a row in focus", "return document.activeElement.closest('tr') !== null")
    # The focus stays where it is while the list is made anew.
    yard.submit("sleep 1", name="another")
    browser.sees("tbody tr", "another")
    assert browser.script("return document.activeElement.textContent") == "by-key"
    browser.keys("Enter")
    browser.sees("h1", "by-key")
    for _ in range(40):
        if browser.script("return document.activeElement.dataset.verb") == "cancel":
            break
        browser.keys("Tab")
    outlined = browser.script("return getComputedStyle(document.activeElement).outlineStyle")
    assert outlined == "solid", outlined
    browser.keys("Enter")
    browser.find("dialog[open]")
    browser.keys(*"by key", "Enter")
    browser.sees(".line .state", "Canceled")
    browser.keys("?")
    browser.find("#help-dialog")
    browser.keys("Escape")
    browser.until("no dialog", "return !document.querySelector('dialog')")
    browser.keys("/", *str(job), "Enter")
    browser.sees("h1", f"job {job}")
    browser.keys("g", "n")
    browser.sees("h1", "Nodes")
    browser.sees("tbody", "n2")
    browser.script("document.querySelector('canvas').focus()")
    browser.keys("ArrowRight")
    browser.sees("figure", "n2:")
    browser.keys("Enter")
    browser.sees("section h2", "n2")


def in_an_hour():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3_600))


def views(page):
    """All of them, with a job that waits."""
    job = page.yard.submit("true", name="waits", cores="2", hold_until=in_an_hour())
    parts = [f"job/{job}", f"job/{job}/output", f"job/{job}/events", f"job/{job}/outlook"]
    return ["queue", "running", "jobs", "nodes", "chart", "policies", "simulation", "new", *parts]


def fits_a_phone(page):
    browser, all_views = page.browser, views(page)
    browser.size(360, 740, phone=True)
    try:
        for view in all_views:
            page.view(view)
            browser.find("h1")
            browser.until(f"{view} to be still", "return document.querySelector('main').textContent.length > 20")
            width = browser.script("return Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)")
            assert width <= 360, f"{view} is {width} pixels wide"
            page.picture(f"phone-{view.replace('/', '-')}")
    finally:
        browser.size(1280, 860)


def is_dark_in_the_dark(page):
    browser, all_views = page.browser, views(page)
    back = "return getComputedStyle(document.body).backgroundColor.match(/[0-9.]+/g).slice(0, 3).map(Number)"
    browser.scheme("light")
    light = browser.script(back)
    browser.scheme("dark")
    try:
        dark = browser.script(back)
        assert sum(light) > 600 and sum(dark) < 150, (light, dark)
        for view in all_views:
            page.view(view)
            browser.find("h1")
            # Every letter against what is behind it, as WCAG counts it.
            poor = browser.until(f"{view} to be looked at", CONTRASTS)
            page.picture(f"dark-{view.replace('/', '-')}")
            assert poor == ["done"], f"{view}: {poor}"
    finally:
        browser.scheme("light")
    for view in all_views:
        page.view(view)
        browser.find("h1")
        poor = browser.until(f"{view} to be looked at", CONTRASTS)
        assert poor == ["done"], f"{view}: {poor}"


# Texts with a contrast of less than 4.5, and "done".
CONTRASTS = """
const rgb = (text) => (text.match(/[0-9.]+/g) ?? []).map(Number);
const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const behind = (element) => { for (; element; element = element.parentElement) { const back = rgb(getComputedStyle(element).backgroundColor); if (back.length === 3 || back[3] === 1) return back; } return [255, 255, 255]; };
const poor = [];
for (const element of document.querySelectorAll('header *, #strip *, main *')) {
  if (element.closest('svg') || !element.checkVisibility() || element.matches(':disabled')) continue;
  if (![...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim())) continue;
  const [a, b] = [light(rgb(getComputedStyle(element).color)), light(behind(element))];
  const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (contrast < 4.5) poor.push(`${element.tagName} ${element.className} ${element.textContent.slice(0, 30)} ${contrast.toFixed(2)}`);
}
return [...poor.slice(0, 5), 'done'];
"""


def says_when_the_daemon_is_gone(page):
    browser, yard = page.browser, page.yard
    page.view("queue")
    browser.sees("#link", "Live")
    yard.stop()
    browser.sees("#link", "does not answer")
    page.picture("lost")
    yard.start()
    browser.sees("#link", "Live")
    # What could not be loaded meanwhile is complained of by the browser, and was told.
    page.complaints()


def keeps_up_with_very_many_jobs(page):
    browser, yard = page.browser, page.yard
    yard.submit("sleep 3600", name="full", cores="16", priority="Highest", runtime="2h")
    job = {"name": "many", "cores": "1", "runtime": "10m", "task": [{"command": "true"}]}
    for _ in range(0, MANY, 10_000):
        yard.submit_all([job] * 10_000)
    page.view("queue")
    queued = f"{yard.ask('GET', '/summary')['queued']:,}"
    browser.sees(".pager", queued)
    browser.click("button", "Last")
    browser.sees("tbody tr", queued)
    page.picture("many")
    rows = browser.script("return document.querySelectorAll('tr').length")
    assert rows < 100, rows
    browser.click("button", "First")
    for round_ in range(1, ROUNDS + 1):
        stop, done = threading.Event(), []
        stream = threading.Thread(target=stir, args=(yard, job, stop, done))
        stream.start()
        try:
            seen = {}
            for view in ["queue", "running", "chart", "nodes", "jobs"]:
                page.view(view)
                browser.find("h1")
                seen[view] = browser.script(MEASURE)
        finally:
            stop.set()
            stream.join()
        longest = max(one["task"] for one in seen.values())
        print(f"    round {round_}: {sum(done)} jobs came and went; " + ", ".join(
            f"{view}: longest task {one['task']:.0f} ms, {one['frames']} frames, the longest {one['frame']:.0f} ms" for view, one in seen.items()))
        if longest <= TASK_MS_MAX:
            break
    else:
        raise Failed(f"a task of the page took {longest:.0f} ms")
    for scheme, width in (("light", 1280), ("dark", 1280), ("dark", 360)):
        browser.scheme(scheme)
        browser.size(width, 860, phone=width < 1280)
        for view in views(page):
            page.view(view)
            still(browser, view)
            wide = browser.script("return document.documentElement.scrollWidth")
            assert wide <= width, f"{view} is {wide} pixels wide"
            page.picture(f"many-{scheme}-{width}-{view.replace('/', '-')}")
    browser.scheme("light")
    browser.size(1280, 860)


def keeps_up_with_very_many_nodes(page):
    """No machine has so many nodes, each of which is a process: what the daemon says of its own is made more of on its way into the page."""
    browser, yard = page.browser, page.yard
    browser.script(MORE_NODES, MANY_NODES, yard.ask("GET", "/nodes")["nodes"])
    job = {"name": "many", "cores": "1", "runtime": "10m", "task": [{"command": "true"}]}
    try:
        page.view("nodes")
        browser.sees(".pager", f"{MANY_NODES:,}")
        for round_ in range(1, ROUNDS + 1):
            stop, done = threading.Event(), []
            stream = threading.Thread(target=stir, args=(yard, job, stop, done))
            stream.start()
            try:
                seen = browser.script(MEASURE)
                moves = browser.script(MOVES)
            finally:
                stop.set()
                stream.join()
            print(f"    round {round_}: {sum(done)} jobs came and went; longest task {seen['task']:.0f} ms, {seen['frames']} frames, the longest {seen['frame']:.0f} ms; a move over the map {moves:.1f} ms")
            if seen["task"] <= TASK_MS_MAX and moves <= MOVE_MS_MAX:
                break
        else:
            raise Failed(f"a task of the page took {seen['task']:.0f} ms, a move {moves:.1f} ms")
        page.picture("nodes-many")
        browser.script("document.querySelector('canvas').focus()")
        browser.keys("End")
        browser.sees("figure", f"{MANY_NODES - 1}: ")
        browser.keys("Enter")
        browser.find("section[aria-label='The chosen node'] h2")
        lost = len(range(5, MANY_NODES, 997))
        browser.sees("figure", f"{lost} unreachable")
        browser.type("#node-filter", "unreachable")
        browser.until("those only", "return document.querySelectorAll('tbody tr').length === arguments[0]", lost)
        browser.scheme("dark")
        page.picture("nodes-many-dark")
        browser.size(360, 740, phone=True)
        browser.until("a map that fits", "return document.documentElement.scrollWidth <= 360 && document.querySelector('canvas').clientWidth <= 336")
        page.picture("nodes-many-phone")
    finally:
        browser.scheme("light")
        browser.size(1280, 860)
        browser.go("about:blank")
        browser.go(page.yard.url)
        browser.sees("h1", "Queue")


# What the page is told of nodes is of so many of them from now on, each time a little otherwise.
MORE_NODES = """
const [many, nodes] = arguments;
const asked = window.fetch;
const say = (turn) => JSON.stringify({ nodes: Array.from({ length: many }, (_, at) => {
  const like = nodes[at % nodes.length];
  const rack = Math.floor(at / 64);
  const free_cores = rack % 5 === 0 ? 0 : (at * 7 + rack * 13 + (at % 10 === 0 ? turn : 0)) % (like.cores + 1);
  return { ...like, id: at + 1, name: `rack${rack}-node${at}`, free_cores, groups: [`rack${rack}`], reachable: at % 997 !== 5, state: at % 301 === 7 ? 'Offline' : 'Online' };
}) });
const said = [0, 1, 2, 3].map(say);
window.fetch = async (...question) => {
  const answer = await asked(...question);
  if (!String(question[0]).endsWith('/api/v1/nodes')) return answer;
  said.push(said.shift());
  return new Response(said[0], { status: 200, headers: { 'content-type': 'application/json' } });
};
"""

# Milliseconds that the page is at it when the pointer moves over the map once.
MOVES = """
const map = document.querySelector('canvas');
const { left, top, width, height } = map.getBoundingClientRect();
const began = performance.now();
for (let at = 0; at < 50; at += 1) {
  const [clientX, clientY] = [left + (width * at) / 50, top + (height * at) / 50];
  map.dispatchEvent(new PointerEvent('pointermove', { clientX, clientY, bubbles: true }));
}
return (performance.now() - began) / 50;
"""


def still(browser, view):
    """Waits until a view says the same twice, and is not at it any more."""
    seen = []
    def look():
        seen.append(browser.script("return document.querySelector('main').innerText.replace(/\\d+/g, '')"))
        return len(seen) > 4 and len(set(seen[-4:])) == 1 and "is being" not in seen[-1] and len(seen[-1]) > 20
    wait(f"{view} to be still", look)


def stir(yard, job, stop, done):
    """Events come all the time: jobs are submitted and canceled."""
    while not stop.is_set():
        ids = yard.submit_all([job] * 50)
        yard.ask("POST", "/jobs/cancel", {"jobs": ids})
        done.append(len(ids))


# For three seconds: the longest task, and the longest time between two frames.
MEASURE = """
return new Promise((resolve) => {
  let [task, frame, frames, last] = [0, 0, 0, performance.now()];
  const observer = new PerformanceObserver((list) => list.getEntries().forEach((entry) => { task = Math.max(task, entry.duration); }));
  observer.observe({ type: 'longtask' });
  const step = (now) => { frames += 1; frame = Math.max(frame, now - last); last = now; if (going) requestAnimationFrame(step); };
  let going = true;
  requestAnimationFrame(step);
  setTimeout(() => { going = false; observer.disconnect(); resolve({ task, frame, frames }); }, 3000);
});
"""


def shows_users_their_own(page):
    browser = page.browser
    page.log_out()
    page.log_in(BEN)
    browser.sees("#link", "Up to date")
    assert not browser.all("#nav a", "Simulation")
    page.view("policies")
    browser.sees("[aria-label='In force'] h2", "backfill")
    assert not [one for one in browser.all("main button") if browser.is_shown(one)]
    page.view("job/1")
    browser.sees("main", "not yours")
    browser.click("#nav a", "New job")
    browser.type("#job-command", "echo mine")
    browser.type("#job-name", "of ben")
    browser.click("button[type=submit]", "Submit")
    browser.sees("h1", "of ben")
    browser.sees(".line .state", "Finished")
    browser.click(".tabs a", "Output")
    browser.sees(".output", "mine")
    # What the daemon did not let him see he was told of.
    lines = [line for line in page.complaints() if "403" not in line]
    assert not lines, lines


TESTS = [
    logs_in_and_out, submits_watches_and_cancels, says_why_and_when, shadows_activates_and_rolls_back, guards_what_comes_into_force,
    tries_a_policy_on_some_nodes, simulates, shows_hostile_names_as_text,
    works_by_keyboard, fits_a_phone, is_dark_in_the_dark, shows_users_their_own, says_when_the_daemon_is_gone, keeps_up_with_very_many_nodes,
    keeps_up_with_very_many_jobs,
]


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--pictures", help="a folder for what was seen")
    arguments.add_argument("tests", nargs="*", help="the names of some tests; all where there are none")
    arguments = arguments.parse_args()
    if arguments.pictures:
        os.makedirs(arguments.pictures, exist_ok=True)
    failed = 0
    yard, browser = Yard(), None
    try:
        browser = Browser()
        browser.size(1280, 860)
        page = Page(yard, browser, arguments.pictures)
        for test in TESTS:
            if arguments.tests and test.__name__ not in arguments.tests and test is not logs_in_and_out:
                continue
            print(f"{test.__name__} …", flush=True)
            try:
                test(page)
                complaints = page.complaints()
                assert not complaints, complaints
                if test is shows_users_their_own:
                    page.log_out()
                    page.log_in(ADA)
            except Exception:
                failed += 1
                traceback.print_exc()
                page.picture(f"failed-{test.__name__}")
                print(browser.script("return location.hash + '\\n' + document.body.innerText.slice(0, 1500)"))
    finally:
        if browser:
            browser.close()
        yard.close()
    print(f"{failed} failed" if failed else "all is well")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

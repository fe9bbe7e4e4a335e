// What a script makes better; all works without.

const all = (selector) => document.querySelectorAll(selector);
const messages = () => document.querySelector("#messages");

// Times by the reader's clock

const language = `${document.documentElement.lang}-u-nu-latn`;
const clock = new Intl.DateTimeFormat(language, { dateStyle: "long", timeStyle: "short" });

function showTimes() {
  for (const time of all("time")) {
    if (!time.textContent.endsWith("UTC")) continue;
    time.title = time.textContent;
    time.textContent = clock.format(new Date(time.dateTime));
  }
}

showTimes();

// The length of a text: said in a pause, near its end

for (const counter of all("[data-max]")) {
  const { max, left, over } = counter.dataset;
  const [seen, said] = counter.children;
  const field = counter.closest("form").content;
  let pause;
  const count = () => {
    const rest = max - [...field.value.normalize()].length;
    const text = rest < 0 ? over : rest > 50 ? "" : left;
    seen.textContent = `${max - rest} / ${max}`;
    counter.classList.toggle("error", rest < 0);
    clearTimeout(pause);
    pause = setTimeout(() => (said.textContent = text.replace("{}", Math.abs(rest))), 1000);
  };
  field.addEventListener("input", count);
  counter.hidden = false;
  count();
}

// A text stays until it can be sent

for (const form of all("[data-offline]")) {
  const note = form.querySelector("[data-note]");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    note.textContent = "";
    try {
      const answer = await fetch("/livez", { signal: AbortSignal.timeout?.(8000) });
      if (answer.status >= 500) throw 0;
      form.submit();
    } catch {
      note.textContent = form.dataset.offline;
    }
  });
}

// News, beside the form

for (const news of all("[data-updates]")) {
  const [button] = news.children;
  const address = new URL(news.dataset.updates, location);
  let timer, wait = 30; // seconds

  const ask = async () => {
    wait = Math.min(wait * 1.5, 600);
    try {
      address.searchParams.set("since", messages().dataset.newest);
      const answer = await fetch(address);
      wait = Math.max(wait, answer.headers.get("Retry-After") | 0);
      if (answer.status == 200) {
        button.textContent = (await answer.json()).text;
        button.hidden = false;
        wait = 30;
      }
    } catch {}
    plan();
  };

  const plan = () => {
    clearTimeout(timer);
    timer = document.hidden || setTimeout(ask, wait * 1000);
  };

  button.addEventListener("click", async () => {
    const answer = await fetch(location.href).catch(() => 0);
    if (!answer.ok) return; // to be clicked again
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    messages().replaceWith(page.querySelector("#messages"));
    button.hidden = true;
    showTimes();
    messages().focus();
  });

  document.addEventListener("visibilitychange", () => (document.hidden ? plan() : ask()));
  plan();
}

// Keys, and patience when the server is away. Every page works without this file.
(function () {
  var form = document.getElementById("form");
  if (!form) return;
  var status = document.getElementById("status");
  var hint = document.getElementById("keys");
  var toggle = document.getElementById("keys-off");
  var reason = document.getElementById("reason");
  var button = form.querySelector("button[type=submit]");
  var draft = "judging-" + form.dataset.token;
  var sending = false;

  function stored(area, name, value) {
    try {
      if (value === undefined) return area.getItem(name);
      if (value === null) area.removeItem(name);
      else area.setItem(name, value);
    } catch (error) { /* a browser that keeps nothing */ }
    return null;
  }

  // Keys that are letters or digits can be turned off (WCAG 2.1.4).
  var on = stored(localStorage, "judging-keys") !== "off";
  function tell() {
    toggle.setAttribute("aria-pressed", String(on));
    toggle.textContent = on ? "Keys on" : "Keys off";
  }
  hint.hidden = false;
  tell();
  toggle.addEventListener("click", function () {
    on = !on;
    stored(localStorage, "judging-keys", on ? "on" : "off");
    tell();
  });

  document.addEventListener("keydown", function (event) {
    var target = event.target;
    var writing = target === reason;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && writing) {
      event.preventDefault();
      form.requestSubmit();
      return;
    }
    if (!on || writing || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.key === "Enter") {
      if (target.closest("a, button, summary")) return;
      event.preventDefault();
      form.requestSubmit();
      return;
    }
    var input = form.querySelector('input[data-key="' + CSS.escape(event.key) + '"]');
    if (!input) return;
    event.preventDefault();
    input.checked = true;
    input.focus();
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });

  // A click anywhere on an answer chooses it, unless text is being selected.
  form.querySelectorAll(".answer").forEach(function (card) {
    card.addEventListener("click", function (event) {
      if (event.target.closest("label, a") || String(getSelection())) return;
      card.querySelector("input").click();
    });
  });

  // The person may be folded away, and stays so for the next question.
  var persona = document.getElementById("persona");
  if (persona) {
    persona.open = stored(sessionStorage, "judging-persona") !== "closed";
    persona.addEventListener("toggle", function () {
      stored(sessionStorage, "judging-persona", persona.open ? "open" : "closed");
    });
  }

  // A reason half written survives a reload.
  if (reason) {
    if (!reason.value) reason.value = stored(sessionStorage, draft) || "";
    reason.addEventListener("input", function () { stored(sessionStorage, draft, reason.value); });
  }

  // Send without leaving the page; where nobody answers, wait and send the very same form again: it is stored once.
  form.addEventListener("submit", function (event) {
    event.preventDefault();
    if (sending) return;
    sending = true;
    button.setAttribute("aria-disabled", "true");
    attempt(new URLSearchParams(new FormData(form)), 0);
  });

  function attempt(body, turn) {
    fetch(form.action, { method: "POST", body: body, redirect: "manual" }).then(function (reply) {
      if (reply.type === "opaqueredirect") {
        stored(sessionStorage, draft, null);
        location.assign(form.action);
      } else if (reply.status >= 500) {
        again(body, turn);
      } else {
        form.submit(); // the page that says what is wrong
      }
    }, function () { again(body, turn); });
  }

  function again(body, turn) {
    var wait = Math.min(30, Math.pow(2, turn));
    status.textContent = "Not sent yet: the server cannot be reached. Trying again by itself; please leave this page open.";
    setTimeout(function () { attempt(body, turn + 1); }, 1000 * wait);
  }
})();

document.querySelectorAll("button[data-copy]").forEach(function (button) {
  var source = document.getElementById(button.dataset.copy);
  var name = button.textContent;
  button.hidden = false;
  function say(text) {
    button.textContent = text;
    setTimeout(function () { button.textContent = name; }, 2000);
  }
  button.addEventListener("click", function () {
    function select() {
      getSelection().selectAllChildren(source);
      say("Selected: press Ctrl+C");
    }
    if (!navigator.clipboard) return select();
    navigator.clipboard.writeText(source.textContent).then(function () { say("Copied"); }, select);
  });
});

/* From a disk browsers start no workers, and the search is one. There a hidden frame does what a worker would. */
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const waiting = [];
      const frame = document.createElement("iframe");
      this.postMessage = (data) => waiting.push(data);
      frame.hidden = true;
      frame.addEventListener("load", () => {
        const inside = frame.contentWindow;
        const script = inside.document.createElement("script");
        const send = (to, data) => to.dispatchEvent(new MessageEvent("message", { data }));
        inside.postMessage = (data) => send(this, data);
        script.addEventListener("load", () => {
          this.postMessage = (data) => send(inside, data);
          waiting.splice(0).forEach(this.postMessage);
        });
        script.src = url;
        inside.document.head.append(script);
      }, { once: true });
      document.body.append(frame);
    }
  };
}

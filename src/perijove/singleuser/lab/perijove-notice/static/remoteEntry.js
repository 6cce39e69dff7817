// A JupyterLab extension in one file, written by hand: it needs nothing of JupyterLab's modules.
// It asks its own server once a minute whether the server is stopped soon, and says so once.
(() => {
  "use strict";
  const EVERY = 60000;
  const page = JSON.parse(document.getElementById("jupyter-config-data").textContent);
  const zh = (navigator.language || "").startsWith("zh");
  const time = (at) =>
    new Date(at).toLocaleTimeString(navigator.language, { hour: "2-digit", minute: "2-digit" });
  const words = (stop) => {
    const at = time(stop.stops_at);
    if (stop.stops_why !== "idle") {
      return zh
        ? `服务器将于 ${at} 停止，已达到允许的最长运行时间。文件会保留，变量会丢失。`
        : `This server will be stopped at ${at}: it has run for as long as a server may here. Files stay; variables are lost.`;
    }
    return zh
      ? `服务器将于 ${at} 停止：一直没有任何计算。文件会保留，变量会丢失。`
      : `This server will be stopped at ${at}: nothing runs in it. Files stay; variables are lost.`;
  };

  const plugin = {
    id: "perijove-notice:plugin",
    autoStart: true,
    activate: (app) => {
      let said = null;
      app.commands.addCommand("perijove-notice:home", {
        label: zh ? "延长" : "Extend",
        execute: () => window.open(`${page.hubHost || ""}${page.hubPrefix}home`, "_blank"),
      });
      const tell = async (stop) => {
        const actions = stop.extend_until
          ? [{ label: zh ? "去延长" : "Extend…", commandId: "perijove-notice:home" }]
          : [];
        await app.commands.execute("apputils:notify", {
          message: words(stop),
          type: "warning",
          options: { autoClose: false, actions },
        });
      };
      const look = async () => {
        try {
          const url = `${page.baseUrl}api/perijove/stop?no_track_activity=1`;
          const headers = page.token ? { Authorization: `token ${page.token}` } : {};
          const answer = await fetch(url, { headers, cache: "no-store" });
          const stop = answer.ok ? await answer.json() : {};
          if (stop.stop_is_near && stop.stops_at !== said) {
            said = stop.stops_at;
            await tell(stop);
          }
        } catch {
          // The server is away, and JupyterLab says so itself.
        }
        setTimeout(look, EVERY);
      };
      app.restored.then(look);
    },
  };

  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB["perijove-notice"] = {
    init: () => undefined,
    get: async () => () => ({ __esModule: true, default: plugin }),
  };
})();

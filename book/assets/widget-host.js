// Shows the anywidget views of a built page with no kernel, no network and from file://.
//
// A notebook's widget state lies in the page as JSON (myst-nb puts it there). For each view this script imports
// the model's own ES module and hands it a model whose get/set/on work on that state. It asks for nothing else.
(() => {
  const STATE = 'script[type="application/vnd.jupyter.widget-state+json"]';
  const VIEW = 'script[type="application/vnd.jupyter.widget-view+json"]';

  // The part of the Jupyter model that the front end of an anywidget may use.
  function makeModel(state) {
    const listeners = new Map();
    const fire = (event, ...values) => {
      for (const listen of [...(listeners.get(event) ?? [])]) listen(...values);
    };
    const model = {
      get: (name) => state[name],
      set(name, value) {
        if (Object.is(state[name], value)) return;
        state[name] = value;
        fire(`change:${name}`, model, value);
        fire("change", model);
      },
      on: (event, listen) => listeners.set(event, (listeners.get(event) ?? new Set()).add(listen)),
      off: (event, listen) => (listen ? listeners.get(event)?.delete(listen) : listeners.delete(event)),
      save_changes() {}, // no kernel to save to
      send() {},
    };
    return model;
  }

  async function importText(source) {
    const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    try {
      return await import(address);
    } catch (error) {
      if (error instanceof SyntaxError) throw error;
      // Some browsers refuse Blob modules on file:// pages; a data URL holds the same text.
      return await import(`data:text/javascript;charset=utf-8,${encodeURIComponent(source)}`);
    } finally {
      URL.revokeObjectURL(address);
    }
  }

  function addStyle(text, id) {
    if (!text || document.getElementById(id)) return;
    const style = document.createElement("style");
    style.id = id;
    style.textContent = text;
    document.head.append(style);
  }

  function note(el, text) {
    el.className = "socl-missing";
    el.setAttribute("role", "note");
    el.textContent = text;
  }

  async function show(script, entry, cache) {
    const el = document.createElement("div");
    el.className = "socl-widget";
    script.after(el);
    const state = entry?.state;
    if (!state?._esm) return note(el, "This control works when the notebook runs in Jupyter, not on this page.");
    try {
      entry.model ??= makeModel(state); // two views of a model share it
      if (!cache.has(state._esm)) cache.set(state._esm, importText(state._esm));
      const loaded = await cache.get(state._esm);
      const widget = loaded.default ?? loaded;
      const parts = typeof widget === "function" ? await widget() : widget;
      addStyle(state._css, `socl-style-${state._anywidget_id}`);
      if (!entry.ready) await parts.initialize?.({ model: entry.model });
      entry.ready = true;
      await parts.render({ model: entry.model, el });
    } catch (error) {
      note(el, `This widget could not be shown: ${error.message}`);
      console.error(error);
    }
  }

  async function showAll() {
    const models = {};
    for (const script of document.querySelectorAll(STATE)) {
      Object.assign(models, JSON.parse(script.textContent).state);
    }
    const cache = new Map();
    for (const script of document.querySelectorAll(VIEW)) {
      await show(script, models[JSON.parse(script.textContent).model_id], cache);
    }
    document.documentElement.dataset.widgets = "shown";
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", showAll);
  else showAll();
})();

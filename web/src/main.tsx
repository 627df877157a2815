import "@fontsource-variable/inter/index.css";
import "./styles/tokens.css";
import "./styles/base.css";

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { App } from "./app";
import { openAhead } from "./desk/opening";
import { place } from "./inbox/address";

const root = document.getElementById("root");

async function begin(root: HTMLElement): Promise<void> {
  const { filter, case_id } = place(window.location.search);
  const desk = window.location.pathname === "/" ? await openAhead(filter, case_id) : null;
  createRoot(root).render(
    <StrictMode>
      <App desk={desk} />
    </StrictMode>,
  );
}

if (root) void begin(root);

import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const SERVER = "http://127.0.0.1:8642"; // make run

export default defineConfig({
  plugins: [react()],
  build: {
    // Into the package: the wheel ships what lies there, and the server answers with it.
    outDir: "../src/signoff/server/static",
    emptyOutDir: true,
    cssCodeSplit: false, // a style that could not be loaded with its part would not be asked for again
    assetsInlineLimit: 0, // the content security policy takes no data: fonts or scripts
    modulePreload: { polyfill: false },
    target: "es2022",
  },
  // The server takes a browser's word only from its own origin, so the host is passed on as it is.
  server: { host: "127.0.0.1", proxy: { "/api": { target: SERVER, changeOrigin: false } } },
  test: { environment: "jsdom", include: ["src/**/*.test.{ts,tsx}"], restoreMocks: true },
});

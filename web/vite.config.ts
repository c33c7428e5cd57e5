import { defineConfig, type Plugin } from 'vite';

/** The address of the local stack, which serves the API under /api. */
const LOCAL_STACK = 'http://127.0.0.1:8484';

/** A deployment writes /config.json; the dev server answers it itself. */
function devConfig(): Plugin {
  return {
    name: 'dev-config',
    apply: 'serve',
    configureServer(server) {
      server.middlewares.use('/config.json', (_request, response) => {
        response.setHeader('Content-Type', 'application/json');
        response.end(JSON.stringify({ api_url: `${LOCAL_STACK}/api` }));
      });
    },
  };
}

export default defineConfig({
  base: '/',
  plugins: [devConfig()],
  build: {
    target: 'es2022',
    // A data: URL in a style sheet would need a wider Content-Security-Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
    chunkSizeWarningLimit: 700,
  },
});

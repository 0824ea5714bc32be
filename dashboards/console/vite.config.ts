import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'

// The control service serves ../static at its root; ./ keeps the build working under a prefix too.
// Nothing may be inlined as a script or fetched from elsewhere: the server's policy allows 'self' only.
export default defineConfig({
  base: './',
  plugins: [vue()],
  build: {
    outDir: '../static',
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 700,
  },
  server: { proxy: { '/api': { target: 'http://127.0.0.1:8080', ws: true } } },
  test: { include: ['tests/**/*.test.ts'], environment: 'node' },
})

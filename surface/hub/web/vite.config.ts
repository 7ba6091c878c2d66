import react from '@vitejs/plugin-react'
import { defineConfig, type Plugin } from 'vite'

import { fixture } from './dev/plugin.mjs'

/** The Hub speaks English: the component library's other languages stay out of the bundle. */
function englishOnly(): Plugin {
  const other = /\/(?:intl|i18n)\/(?:.*\/)?(?!en-US)[a-z]{2}-[A-Z]{2}\.m?js$/
  return {
    name: 'english-only',
    enforce: 'pre',
    load: (id) => (other.test(id) ? 'export default {}' : undefined),
  }
}

export default defineConfig(({ command }) => ({
  plugins: [englishOnly(), react(), command === 'serve' ? fixture() : undefined],
  build: {
    outDir: '../dist',
    emptyOutDir: true,
    target: 'es2022',
    manifest: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    license: { fileName: 'licenses.md' },
  },
  server: { port: 5173, strictPort: false, host: '127.0.0.1' },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
}))

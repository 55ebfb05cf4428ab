import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type BrowserContext } from 'playwright-core'
import { chromiumPath } from '../../scripts/needs.ts'

export interface RealBrowser {
  readonly context: BrowserContext
  close(): Promise<void>
}

/** Chromium without a screen and with nothing of its own from before. */
export async function startBrowser({ javaScript = true, colorScheme = 'light', width = 1000 }: { readonly javaScript?: boolean; readonly colorScheme?: 'light' | 'dark'; readonly width?: number } = {}): Promise<RealBrowser> {
  const executablePath = chromiumPath()
  if (executablePath === undefined) throw new Error('Chromium is needed: node scripts/needs.ts brings it')
  const profile = mkdtempSync(join(tmpdir(), 'sallyport-chromium-'))
  const context = await chromium.launchPersistentContext(profile, {
    executablePath, headless: true, javaScriptEnabled: javaScript, colorScheme, viewport: { width, height: 900 },
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  })
  context.setDefaultTimeout(60_000)
  return {
    context,
    async close() {
      await context.close()
      rmSync(profile, { recursive: true, force: true })
    },
  }
}

/** Hash routes: `#/page/id?name=value`. Nothing else of the address is used. */
import { reactive } from 'vue'

export interface Route {
  page: string
  id: string
  query: Record<string, string>
}

function parse(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?')
  const [page = '', id = ''] = path.split('/').map(decodeURIComponent)
  return { page, id, query: Object.fromEntries(new URLSearchParams(search)) }
}

export const route = reactive<Route>(parse(window.location.hash))

export function go(page: string, id = ''): void {
  window.location.hash = `#/${page}${id === '' ? '' : `/${encodeURIComponent(id)}`}`
}

/** Leaves no trace of a one-time token in the address or in the history of the browser. */
export function replace(page: string): void {
  window.history.replaceState(null, '', `#/${page}`)
  Object.assign(route, parse(`#/${page}`))
}

window.addEventListener('hashchange', () => Object.assign(route, parse(window.location.hash)))

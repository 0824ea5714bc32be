// An OpenID Connect provider: npm's oidc-provider with its own rules, and one page less: who signs in is said by login_hint.
// Decides nothing for us: the test that started it judges what control makes of it.
//
//   node provider.mjs PORT REDIRECT_URI SECRET
//   out: {"event": "ready"}
import http from 'node:http'
import Provider from 'oidc-provider'

// It has advice for whoever runs it in earnest; our standard output is for lines of JSON.
console.info = console.warn = () => {}

const [port, redirectUri, secret] = process.argv.slice(2)
const issuer = `http://127.0.0.1:${port}`
const people = {
  li: { preferred_username: 'li', name: '李值班', roles: ['ops'] },
  root: { preferred_username: 'root', name: 'not the administrator', roles: ['ops'] },
  guest: { preferred_username: 'guest', name: 'guest', roles: [] },
  plant: { preferred_username: 'plant', name: '恒川', roles: ['plant'], company: 'hc' },
}

const provider = new Provider(issuer, {
  clients: [{
    client_id: 'stoplog', client_secret: secret, redirect_uris: [redirectUri], grant_types: ['authorization_code'],
    response_types: ['code'], token_endpoint_auth_method: 'client_secret_basic',
  }],
  claims: { openid: ['sub'], profile: ['preferred_username', 'name', 'roles', 'company'], acr: null, auth_time: null },
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_ctx, interaction) => `/login/${interaction.uid}` },
  findAccount: (_ctx, sub) => people[sub] && { accountId: sub, claims: () => ({ sub, ...people[sub] }) },
  cookies: { keys: [secret] },
})

async function login (req, res) {
  const { params, prompt, session } = await provider.interactionDetails(req, res)
  const accountId = params.login_hint ?? session?.accountId ?? 'li'
  if (prompt.name === 'login') return provider.interactionFinished(req, res, { login: { accountId } })
  const grant = new provider.Grant({ accountId, clientId: params.client_id })
  grant.addOIDCScope('openid profile')
  return provider.interactionFinished(req, res, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true })
}

const serve = provider.callback()
http.createServer((req, res) => {
  if (req.url.startsWith('/login/')) login(req, res).catch((cause) => { res.statusCode = 500; res.end(String(cause)) })
  else serve(req, res)
}).listen(Number(port), '127.0.0.1', () => process.stdout.write('{"event": "ready"}\n'))
process.stdin.on('end', () => process.exit(0)).resume()

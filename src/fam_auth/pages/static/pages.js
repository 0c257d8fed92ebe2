// What makes the hosted pages more comfortable. Every one of them works without it.

const all = (selector, does) => document.querySelectorAll(selector).forEach(does)

// Buttons that do nothing without a script are hidden until there is one.
all('[data-js]', (element) => { element.hidden = false })

// The link of a mail carries its token behind a #, which no server sees: it goes into the form, and out of the address.
const token = new URLSearchParams(location.hash.slice(1)).get('token')
if (token) {
  all('input[data-token]', (input) => {
    input.value = token
    input.type = 'hidden'
    input.closest('.field').hidden = true
  })
  history.replaceState(null, '', location.pathname + location.search)
}

all('[data-reveal]', (button) => {
  const input = document.getElementById(button.getAttribute('aria-controls'))
  button.addEventListener('click', () => {
    const shown = input.type === 'password'
    input.type = shown ? 'text' : 'password'
    button.setAttribute('aria-pressed', String(shown))
    button.firstElementChild.textContent = shown ? button.dataset.hide : button.dataset.show
  })
  input.form.addEventListener('submit', () => { input.type = 'password' })
})

// A password is looked at while one types; what comes back late is not shown.
all('input[data-check]', (input) => {
  const said = document.getElementById(input.dataset.said)
  let waiting = 0
  let asked = 0
  const tell = (is, text) => { said.dataset.is = is; said.textContent = text }
  const look = async () => {
    const mine = ++asked
    try {
      const answer = await fetch(input.dataset.check, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ password: input.value }),
      })
      const judged = answer.ok ? await answer.json() : null
      if (mine !== asked || !judged) return
      const reason = judged.reasons[0]
      tell(judged.acceptable ? 'good' : 'bad', judged.acceptable ? said.dataset.good : said.dataset[reason.code] || reason.message)
    } catch { tell('', '') }
  }
  input.addEventListener('input', () => {
    clearTimeout(waiting)
    asked++
    if (input.value) waiting = setTimeout(look, 350)
    else tell('', '')
  })
})

// What was wrong with a field is not said any more once it is written anew.
all('.wrong input', (input) => input.addEventListener('input', () => {
  const field = input.closest('.field')
  field.classList.remove('wrong')
  field.querySelector('.error').hidden = true
  input.removeAttribute('aria-invalid')
}, { once: true }))

// Codes are pasted with spaces, dashes, or in the middle of a sentence.
all('input[data-digits]', (input) => {
  input.addEventListener('input', () => {
    const digits = input.value.replace(/\D/g, '').slice(0, Number(input.dataset.digits))
    if (digits !== input.value) input.value = digits
  })
  input.addEventListener('paste', (event) => {
    const found = event.clipboardData.getData('text').replace(/[\s-]/g, '').match(/\d+/)
    if (!found) return
    event.preventDefault()
    input.value = found[0].slice(0, Number(input.dataset.digits))
  })
})

all('[data-copy]', (button) => {
  const label = button.lastElementChild
  const before = label.textContent
  button.addEventListener('click', async () => {
    const lines = [...document.querySelectorAll(button.dataset.copy)].map((one) => one.dataset.plain || one.textContent.trim())
    try {
      await navigator.clipboard.writeText(lines.join('\n'))
      label.textContent = button.dataset.copied
    } catch { label.textContent = button.dataset.failed }
    setTimeout(() => { label.textContent = before }, 2500)
  })
})

all('[data-print]', (button) => button.addEventListener('click', () => print()))

// Moments are written in UTC; here in the time of the reader, and in their country's way where it is their language.
const { lang } = document.documentElement
const tongue = navigator.languages.find((one) => one.split('-')[0] === lang.split('-')[0]) || lang
const format = new Intl.DateTimeFormat(tongue, { dateStyle: 'medium', timeStyle: 'short' })
all('time[datetime]', (time) => { time.textContent = format.format(new Date(time.dateTime)) })

// A form goes out once.
all('form', (form) => form.addEventListener('submit', (event) => {
  if (form.dataset.sent) event.preventDefault()
  form.dataset.sent = 'yes'
  form.querySelector('button:not([type=button])')?.setAttribute('aria-busy', 'true')
}))
addEventListener('pageshow', (event) => { if (event.persisted) location.reload() })

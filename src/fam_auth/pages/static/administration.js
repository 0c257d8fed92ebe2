// What makes the pages of administrators more comfortable. Every one of them works without it.

// New events come in by themselves while one watches, and while the page is in sight.
const every = 3000
const most = 500
document.querySelectorAll('[data-live]').forEach((button) => {
  const rows = document.getElementById(button.dataset.rows)
  const news = document.getElementById('news')
  // As in pages.js: in the time of the reader, and in their country's way where it is their language.
  const { lang } = document.documentElement
  const tongue = navigator.languages.find((one) => one.split('-')[0] === lang.split('-')[0]) || lang
  const format = new Intl.DateTimeFormat(tongue, { dateStyle: 'medium', timeStyle: 'short' })
  let waiting = 0
  const look = async () => {
    if (document.visibilityState === 'visible') {
      const newest = rows.firstElementChild?.dataset.id || '00000000-0000-0000-0000-000000000000'
      const answer = await fetch(`${button.dataset.live}&than=${newest}`).catch(() => null)
      if (answer?.ok && !answer.redirected) {
        const found = document.createElement('template')
        found.innerHTML = await answer.text()
        found.content.querySelectorAll('time').forEach((time) => { time.textContent = format.format(new Date(time.dateTime)) })
        found.content.querySelectorAll('tr').forEach((row) => row.classList.add('is-new'))
        const count = found.content.querySelectorAll('tr').length
        rows.prepend(found.content)
        while (rows.children.length > most) rows.lastElementChild.remove()
        if (count) document.querySelector('.nothing')?.remove()
        if (count) news.textContent = `${news.dataset.one} ${count}`
      } else if (answer) return stop()
    }
    if (waiting) waiting = setTimeout(look, every)
  }
  const stop = () => { clearTimeout(waiting); waiting = 0; button.setAttribute('aria-pressed', 'false'); button.classList.remove('first') }
  button.addEventListener('click', () => {
    if (waiting) return stop()
    button.setAttribute('aria-pressed', 'true')
    button.classList.add('first')
    waiting = 1
    look()
  })
})

"""Human judging: people judge pairs as a persona, and answer survey items as themselves.

`opening.open_study` begins or opens a study in a store, `app.make_app` serves it, `agreement.agreement`
scores it. The design is in `docs/design/judging.md`. All of it needs the extra `serve`.
"""

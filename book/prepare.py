"""Copy the pages of the book, for mdBook: prepare.py DOCS PAGES

Links to files of the repository outside of DOCS lead nowhere in a book: they become their text, with the path. Decisions that the
summary does not list yet are added at its end.
"""

import re
import shutil
import sys
from pathlib import Path

LINK = re.compile(r"\[([^\]]+)\]\((?!\w+:)([^)#\s]+)(#[^)]*)?\)")


def main(docs, pages):
    """Copy and rewrite all pages."""
    shutil.rmtree(pages, ignore_errors=True)
    shutil.copytree(docs, pages)
    for page in pages.rglob("*.md"):
        folder = docs / page.relative_to(pages).parent

        def rewritten(link, folder=folder):
            text, path = link[1], link[2]
            target = (folder / path).resolve()
            if target.is_relative_to(docs.resolve()):
                return link[0]
            shown = target.relative_to(Path.cwd())
            return text if str(shown) in text else f"{text} (`{shown}`)"

        page.write_text(LINK.sub(rewritten, page.read_text()))
    summary = pages / "SUMMARY.md"
    text = summary.read_text()
    for decision in sorted((pages / "decisions").glob("*.md")):
        if decision.name not in text:
            title = decision.read_text().splitlines()[0].lstrip("# ")
            text += f"- [{title}](decisions/{decision.name})\n"
    summary.write_text(text)


main(Path(sys.argv[1]), Path(sys.argv[2]))

"""Document pages in Docmatix's layout: letters, invoices and reports with questions that the page answers.

Published as `HuggingFaceM4/Docmatix`: Parquet, one row per document of up to four pages, several questions a page.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

from curation.demo.sheet import Sheet
from curation.demo.vocabulary import FIRMS, GOODS, MONTHS, STREETS, TOWNS, date, person
from curation.demo.writing import ImageRow, dice, write_image_rows

NUM_ROWS = 100
Questions = list[tuple[str, str]]
Document = tuple[list[Sheet], Questions]


def write_documents(folder: Path, *, seed: int) -> None:
    """Write `data/train-0000?-of-00002.parquet`, half of the rows in each."""
    rows = [document(dice(seed, "docs", number)) for number in range(NUM_ROWS)]
    half = NUM_ROWS // 2
    write_image_rows(folder / "data" / "train-00000-of-00002.parquet", rows[:half])
    write_image_rows(folder / "data" / "train-00001-of-00002.parquet", rows[half:])


def document(dice: Random) -> ImageRow:
    """Draw one document and ask about it in random order."""
    kinds: tuple[Callable[[Random], Document], ...] = (letter, invoice, report)
    sheets, questions = dice.choice(kinds)(dice)
    dice.shuffle(questions)
    return ImageRow(
        images=tuple(sheet.encoded() for sheet in sheets),
        questions=tuple(questions[: dice.randint(3, len(questions))]),
        source=f"PDFA key: {dice.randint(10**6, 10**7)}",
    )


def letter(dice: Random) -> Document:
    """Draw a business letter of one page."""
    writer, reader, firm, town = person(dice), person(dice), dice.choice(FIRMS), dice.choice(TOWNS)
    day, year = date(dice), dice.randint(2016, 2024)
    goods, number, arrival = dice.choice(list(GOODS)), dice.randint(12, 400), date(dice, year=year + 1)
    reference = f"{dice.choice('ABCDEFGH')}{dice.choice('KLMNPRST')}-{dice.randint(1000, 9999)}"
    damaged = dice.randint(2, number // 3)
    page = Sheet()
    page.line(firm, size=30)
    page.line(f"{dice.randint(1, 180)} {dice.choice(STREETS)}, {town}", size=18)
    page.rule()
    page.space(20)
    page.line(day, align="right")
    page.line(f"Our reference: {reference}", align="right")
    page.space(20)
    page.line(f"Dear {reader},")
    page.space(10)
    page.line(f"Your order of {number} {goods}", size=23)
    page.space(10)
    page.paragraph(
        dice.choice(
            (
                f"Thank you for your order of {number} {goods}, which reached us this week. We are glad to confirm it.",
                f"We have received your order of {number} {goods} and have passed it on to our warehouse today.",
            )
        )
    )
    page.paragraph(
        f"While packing we found that {damaged} of the {goods} were damaged, so that {number - damaged} can leave at "
        f"once. The missing pieces will follow at no cost and should arrive by {arrival}."
    )
    page.paragraph("Please keep this letter with your papers and quote our reference whenever you write or call us.")
    page.space(20)
    page.line("Yours sincerely,")
    page.space(50)
    page.line(writer, size=23)
    page.line(dice.choice(("Sales office", "Customer service", "Head of shipping")), size=18)
    return [page], [
        ("Who signed the letter?", f"The letter is signed by {writer}."),
        ("To whom is the letter addressed?", f"It is addressed to {reader}."),
        ("What is the date of the letter?", f"The letter is dated {day}."),
        ("Which goods were ordered, and how many?", f"{number} {goods} were ordered."),
        ("How many pieces were found to be damaged?", f"{damaged} of the {goods} were damaged."),
        ("How many pieces can leave at once?", f"{number - damaged} pieces can leave at once."),
        ("By when should the missing pieces arrive?", f"They should arrive by {arrival}."),
        ("What is the sender's reference?", f"The reference is {reference}."),
    ]


def invoice(dice: Random) -> Document:
    """Draw an invoice; one in three has its payment terms on a second page."""
    firm, customer = dice.choice(FIRMS), person(dice)
    number, day, due = dice.randint(2000, 9999), date(dice), dice.choice((14, 21, 30, 45))
    names = dice.sample(list(GOODS), dice.randint(3, 7))
    items = [(name, dice.randint(2, 40), GOODS[name] + dice.choice((0.0, 0.25, 0.5, 0.95))) for name in names]
    amounts = [round(count * price, 2) for _, count, price in items]
    total, rate = round(sum(amounts), 2), dice.choice((5, 10, 20))
    tax = round(total * rate / 100 + 1e-9, 2)
    page = Sheet()
    page.line("INVOICE", size=40)
    page.line(firm, size=24)
    page.line(f"{dice.randint(1, 180)} {dice.choice(STREETS)}, {dice.choice(TOWNS)}", size=18)
    page.rule()
    page.line(f"Invoice number: {number}")
    page.line(f"Date: {day}")
    page.line(f"Bill to: {customer}")
    page.space(20)
    rows = [
        (name.capitalize(), str(count), f"{price:,.2f}", f"{amount:,.2f}")
        for (name, count, price), amount in zip(items, amounts, strict=True)
    ]
    page.table(("Item", "Quantity", "Price (EUR)", "Amount (EUR)"), rows)
    page.line(f"Subtotal: EUR {total:,.2f}", align="right")
    page.line(f"Tax ({rate} %): EUR {tax:,.2f}", align="right")
    page.line(f"Total: EUR {total + tax:,.2f}", size=24, align="right")
    pages, terms = [page], page
    if dice.random() < 1 / 3:
        terms = Sheet()
        terms.line("Terms of payment", size=30)
        terms.line(f"Page 2 of invoice {number}", size=18)
        terms.rule()
        pages.append(terms)
    terms.paragraph(f"Please pay within {due} days of the date of this invoice. Goods stay ours until they are paid.")
    asked, (name, count, price) = dice.randrange(len(items)), items[-1]
    dearest = max(items, key=lambda item: item[2])  # the usual prices differ by a euro or more, so there is one
    return pages, [
        ("What is the invoice number?", f"The invoice number is {number}."),
        ("What is the total amount to pay, with tax?", f"The total is EUR {total + tax:,.2f}."),
        ("What is the subtotal before tax?", f"The subtotal is EUR {total:,.2f}."),
        ("Who is billed?", f"The invoice is billed to {customer}."),
        ("How many different items are listed?", f"{len(items)} different items are listed."),
        (f"How many {items[asked][0]} were bought?", f"{items[asked][1]} {items[asked][0]} were bought."),
        (f"What do the {name} cost in all?", f"{count} {name} at EUR {price:,.2f} each cost EUR {amounts[-1]:,.2f}."),
        ("Which item has the highest price per piece?", f"The {dearest[0]}, at EUR {dearest[2]:,.2f} each."),
        ("Within how many days must the invoice be paid?", f"It must be paid within {due} days."),
    ]


def report(dice: Random) -> Document:
    """Draw a report with a table of towns and months; some have a page of remarks."""
    what = dice.choice(
        ("Library visitors", "Bicycles repaired", "Museum tickets sold", "Trees planted", "Parcels sent")
    )
    towns, start, year = dice.sample(TOWNS, dice.randint(4, 8)), dice.randint(0, 8), dice.randint(2015, 2024)
    months = MONTHS[start : start + dice.randint(3, 4)]
    values = [[dice.randint(20, 980) for _ in months] for _ in towns]
    values[dice.randrange(len(towns))][0] += 3000  # so that one sum is the largest
    totals = [sum(row) for row in values]
    author = person(dice)
    page = Sheet()
    page.line(f"{what}, {months[0]} to {months[-1]} {year}", size=27)
    page.line(f"Report by {author}", size=18)
    page.rule()
    page.paragraph(f"The table gives the monthly figures of {len(towns)} towns and the sum over the period.")
    rows = [
        (town, *(str(value) for value in row), str(total))
        for town, row, total in zip(towns, values, totals, strict=True)
    ]
    page.table(("Town", *months, "Sum"), rows)
    best, month = totals.index(max(totals)), dice.randrange(len(months))
    town = dice.randrange(len(towns))
    questions = [
        ("Who wrote the report?", f"The report was written by {author}."),
        ("What does the report count?", f"It counts {what.lower()} from {months[0]} to {months[-1]} {year}."),
        ("Which town has the largest sum?", f"{towns[best]}, with {totals[best]}."),
        (f"What is the figure for {towns[town]} in {months[month]}?", f"It is {values[town][month]}."),
        (f"What is the sum for {towns[town]}?", f"The sum for {towns[town]} is {totals[town]}."),
        ("How many towns are in the table?", f"There are {len(towns)} towns in the table."),
    ]
    page.paragraph(f"Over all towns the figures add up to {sum(totals)}.")
    questions.append(("What do the figures of all towns add up to?", f"They add up to {sum(totals)}."))
    pages = [page]
    if dice.random() < 0.4:
        reader, deadline = person(dice), date(dice, year=year + 1)
        remarks = Sheet()
        remarks.line("Remarks", size=30)
        remarks.line("Page 2", size=18)
        remarks.rule()
        remarks.paragraph(f"The figures were checked by {reader}. Towns that reported late are included.")
        remarks.paragraph(f"The next report is due on {deadline}. Please send corrections to {author} before that day.")
        pages.append(remarks)
        questions.append(("Who checked the figures?", f"The figures were checked by {reader}."))
        questions.append(("When is the next report due?", f"The next report is due on {deadline}."))
    return pages, questions

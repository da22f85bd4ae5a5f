-- PostgreSQL's parser keeps "3.0", "node.js" and "AC/DC" as one word each, which nobody finds by one of its parts. So the
-- index has words as the search has them: what is neither a letter nor a digit parts them (ListProducts.TextQuery).
alter table products drop column search;
alter table products add column search tsvector not null generated always as (
    to_tsvector('simple', translate(
        name || ' ' || description, '!"#$%&''()*+,-./:;<=>?@[\]^_`{|}~', repeat(' ', 32)))) stored;
create index products_by_text on products using gin (search);

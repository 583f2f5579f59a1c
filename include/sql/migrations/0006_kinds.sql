-- More kinds of documents are read; what their pages are.

comment on column corpus.ingestion_file.kind is 'How the file is read: markdown, text, html, pdf, rst, docx, pptx, xlsx, csv, eml, odt or rtf.';
comment on column corpus.document.kind is 'How the file is read: markdown, text, html, pdf, rst, docx, pptx, xlsx, csv, eml, odt or rtf.';
comment on column corpus.document_version.pages is 'Pages, slides or sheets, for kinds that have them.';
comment on column corpus.chunk.page is 'Page, slide or sheet that it begins on, for kinds that have them.';
